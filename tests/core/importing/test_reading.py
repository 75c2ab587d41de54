"""How far reads go ahead: so many files, and so many bytes of them, and no more."""

from __future__ import annotations

import gzip
import json
import random
import threading

import pytest

from labeldock.contract import ListQuery
from labeldock.services.connections import load_connection
from labeldock.services.importing.reading import read_files

KB = 1000
SECONDS = 20


class Watch:
    """Notes what is read and was not taken yet, by the sizes that it was given."""

    def __init__(self, sizes, at_once=1):
        self._sizes = sizes
        self._barrier = threading.Barrier(at_once)
        self._lock = threading.Lock()
        self._ahead = set()
        self.companies = {}
        self.most_bytes = self.most_files = 0

    def __call__(self, request):
        with self._lock:
            self._ahead.add(request.key)
            for key in self._ahead:
                self.companies.setdefault(key, set()).update(self._ahead)
            together = sum(self._sizes[key] for key in self._ahead)
            self.most_bytes = max(self.most_bytes, together)
            self.most_files = max(self.most_files, len(self._ahead))
        self._barrier.wait(SECONDS)  # so many have to be read at once

    def take(self, key):
        with self._lock:
            self._ahead.discard(key)


def fill(size):
    """A task of exactly so many bytes."""
    return '{"x": "' + "x" * (size - 9) + '"}'


@pytest.fixture
def read_all(open_app, sqlite_installation, build_workplace, provider, bucket):
    """Read files of these contents under a watch; the results in their order."""

    def read(contents, watch, **settings):
        app = open_app(sqlite_installation, **settings)
        bucket.put_all(contents)
        storage = build_workplace(app).add()
        connection = load_connection(app, storage.id)
        objects = connection.provider.list_objects(connection.ref, ListQuery()).objects
        provider.before["get_data"] = watch
        results = []
        for info, result in read_files(connection, app.settings, objects):
            results.append((info.key, len(result)))
            watch.take(info.key)
        return results

    return read


def test_reads_are_bounded_by_their_bytes_together(read_all):
    contents = {f"{n}.json": fill(400 * KB) for n in range(8)}
    watch = Watch(dict.fromkeys(contents, 400 * KB), at_once=2)

    results = read_all(contents, watch, read_ahead_bytes=1000 * KB, read_threads=8)

    assert results == [(key, 1) for key in contents]
    assert (watch.most_files, watch.most_bytes) == (2, 800 * KB)


def test_small_files_are_bounded_by_their_number(read_all):
    contents = {f"{n:02}.json": fill(1 * KB) for n in range(40)}
    watch = Watch(dict.fromkeys(contents, 1 * KB), at_once=4)

    read_all(contents, watch, read_ahead_bytes=1000 * KB, read_threads=4)

    assert 4 <= watch.most_files <= 8


def test_a_file_larger_than_the_bound_is_read_alone(read_all):
    contents = {f"{n}.json": fill(900 * KB if n == 4 else 10 * KB) for n in range(9)}
    watch = Watch({key: len(content) for key, content in contents.items()})

    results = read_all(contents, watch, read_ahead_bytes=500 * KB, read_threads=8)

    assert len(results) == 9
    assert watch.companies["4.json"] == {"4.json"}


def test_a_packed_file_counts_for_what_it_may_come_to(read_all):
    noise = random.Random(1).randbytes(100 * KB).hex()
    packed = gzip.compress(json.dumps({"x": noise}).encode())
    contents = {f"{n}.json.gz": packed for n in range(6)}
    watch = Watch(dict.fromkeys(contents, len(packed)), at_once=2)

    read_all(contents, watch, read_ahead_bytes=17 * len(packed), read_threads=8)

    assert watch.most_files == 2


def test_any_sizes_keep_within_the_bound(read_all):
    rng = random.Random(3)
    contents = {f"{n:03}.json": fill(rng.randint(20, 300 * KB)) for n in range(120)}
    watch = Watch({key: len(content) for key, content in contents.items()})

    results = read_all(contents, watch, read_ahead_bytes=700 * KB, read_threads=6)

    assert [key for key, _ in results] == sorted(contents)
    assert 300 * KB < watch.most_bytes <= 700 * KB

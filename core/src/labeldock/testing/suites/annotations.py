"""Annotations: saving and deleting objects, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest

from labeldock.contract import (
    AccessDenied,
    FileContent,
    InvalidKey,
    ListQuery,
    StorageError,
    Unauthenticated,
)
from labeldock.testing.bench import DATA, Bench
from labeldock.testing.contents import (
    BrokenContent,
    ShortContent,
    assert_same_bytes,
    build_bytes,
)
from labeldock.testing.keys import NO_KEYS, ODD_KEYS, build_long_key
from labeldock.testing.scenarios import scenario
from labeldock.testing.suites.suite import Suite

TEXT = '{"label": "Stra\u00dfe \U0001f600 \u6587\u4ef6", "x": null}'.encode()


class AnnotationSuite(Suite):
    """What was saved is there, and what was deleted is gone, and nothing else."""

    @scenario("A1")
    def test_a1_save_and_read(self, bench: Bench) -> None:
        """What was saved is there, and can be read."""
        bench.save("out/1.json", TEXT)

        assert bench.peek("out/1.json") == TEXT
        assert bench.read("out/1.json") == TEXT

    @scenario("A2")
    def test_a2_save_twice(self, bench: Bench) -> None:
        """Saving twice under a key leaves one object, the newer one."""
        bench.save("1.json", b'{"version": 1}')
        bench.save("1.json", b'{"version": 2}')

        assert bench.list_keys() == ["1.json"]
        assert bench.peek("1.json") == b'{"version": 2}'

    @scenario("A5")
    def test_a5_existed(self, bench: Bench) -> None:
        """A deletion says whether there was an object."""
        bench.put("a.txt")

        assert bench.delete("a.txt").existed
        assert bench.peek("a.txt") is None
        assert not bench.delete("none.txt").existed

    @scenario("A6")
    def test_a6_delete_twice(self, bench: Bench) -> None:
        """Deleting twice is no error."""
        bench.put("a.txt")

        outcomes = [bench.delete("a.txt").existed for _ in range(3)]

        assert outcomes == [True, False, False]

    @scenario("A7")
    def test_a7_broken_off(self, bench: Bench) -> None:
        """A save that breaks off leaves the old object, and no other."""
        size = bench.rig.large
        bench.save("1.json", b"old")

        for content in (
            ShortContent(1000, missing=1),
            BrokenContent(1000),
            ShortContent(size, missing=10),
            BrokenContent(size),
        ):
            for key in ("1.json", "new.json"):
                with pytest.raises(StorageError):
                    bench.save(key, content)

        assert bench.list_keys() == ["1.json"]
        assert bench.peek("1.json") == b"old"

    @scenario("A8")
    def test_a8_large(self, bench: Bench) -> None:
        """A large object is saved whole, from memory and from a file."""
        data = build_bytes(bench.rig.large)

        saved = bench.save("from-memory.bin", data)
        # pytest's own folders may be closed to the user that a rig runs as.
        with NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            bench.save("from-file.bin", FileContent(Path(file.name)))

        assert_same_bytes(bench.peek("from-memory.bin"), data)
        assert_same_bytes(bench.peek("from-file.bin"), data)
        assert bench.get_info("from-memory.bin").etag == saved.etag

    @scenario("A9")
    def test_a9_siblings(self, bench: Bench) -> None:
        """Saving and deleting touches no other object."""
        around = ["out/1.jso", "out/1.json2", "out/1.json/x", "out", "OUT/1.json"]
        _, *siblings = bench.keep_legal(["out/1.json", *around])
        for key in siblings:
            bench.put(key, key.encode())
        expected = {key: bench.peek(key) for key in bench.list_keys()}

        bench.save("out/1.json")
        bench.delete("out/1.json")

        assert {key: bench.peek(key) for key in bench.list_keys()} == expected

    @scenario("A10")
    def test_a10_isolation(self, bench: Bench) -> None:
        """What one storage holds does not show in another one."""
        bench.save("1.json")

        with bench.open_another() as other:
            assert other.list_keys() == []
            other.save("2.json")
            assert other.list_keys() == ["2.json"]

        assert bench.list_keys() == ["1.json"]

    @scenario("A15")
    def test_a15_content_type(self, bench: Bench) -> None:
        """An object is kept with the content type it was saved with."""
        types = {"1.json": "application/json", "photo.png": "image/png"}
        if bench.rig.stores_types:  # not only guessed from the name
            types |= {"1": "application/json", "odd.txt": "audio/flac"}

        for key, content_type in types.items():
            bench.save(key, content_type=content_type)

        assert {key: bench.get_info(key).content_type for key in types} == types

    @scenario("A16")
    def test_a16_etag(self, bench: Bench) -> None:
        """The ETag of a save is the one that listings and reads tell."""
        first = bench.save("1.json", b"one")
        assert first.etag == bench.get_info("1.json").etag
        second = bench.save("1.json", b"two")

        assert second.etag != first.etag
        assert second.etag == bench.get_info("1.json").etag
        assert [each.etag for each in bench.list_objects()] == [second.etag]

    @scenario("A18")
    def test_a18_read_only(self, bench: Bench) -> None:
        """Without the permission to write, saving and deleting are AccessDenied."""
        bench.put("a.txt")
        other = bench.connect(bench.rig.read_only)

        for attempt in (
            lambda: other.save("a.txt", b"new"),
            lambda: other.save("b.txt", b"new"),
            lambda: other.delete("a.txt"),
        ):
            with pytest.raises(AccessDenied):
                attempt()

        assert bench.peek("a.txt") == DATA
        assert bench.list_keys() == ["a.txt"]

    @scenario("A19")
    def test_a19_wrong_credentials(self, bench: Bench) -> None:
        """With credentials that are not known, saving is Unauthenticated."""
        other = bench.connect(bench.rig.wrong_credentials)

        with pytest.raises(Unauthenticated):
            other.save("1.json")
        with pytest.raises(Unauthenticated):
            other.delete("1.json")

        assert bench.list_keys() == []

    @scenario("A20")
    def test_a20_empty(self, bench: Bench) -> None:
        """An empty object can be saved."""
        bench.save("empty.txt", b"", content_type="text/plain")

        assert bench.peek("empty.txt") == b""
        assert [each.size for each in bench.list_objects()] == [0]

    @scenario("A21")
    def test_a21_odd_keys(self, bench: Bench) -> None:
        """Awkward keys are saved and deleted as they are."""
        keys = bench.keep_legal(ODD_KEYS)
        for number, key in enumerate(keys):
            bench.save(key, b"%d" % number)
        assert {key: bench.peek(key) for key in keys} == {
            key: b"%d" % number for number, key in enumerate(keys)
        }

        for key in keys[::2]:
            assert bench.delete(key).existed, repr(key)

        assert set(bench.list_keys()) == set(keys[1::2])

    @scenario("A22")
    def test_a22_illegal_keys(self, bench: Bench) -> None:
        """What the storage cannot hold is InvalidKey, and nothing is written."""
        unfit = [key for key in ODD_KEYS if not bench.rig.is_legal(bench.prefix + key)]
        room = bench.can.max_key_bytes - len(bench.prefix.encode())
        nothing = [key for key in NO_KEYS if bench.prefix + key != bench.prefix]
        nothing += [] if bench.prefix else [""]

        for key in (*unfit, *nothing, build_long_key(room + 1)):
            with pytest.raises(InvalidKey):
                bench.save(key)

        assert bench.list_keys() == []
        if unfit:
            bench.note(f"cannot hold {', '.join(map(ascii, unfit))}")

    @scenario("A23")
    def test_a23_listed_at_once(self, bench: Bench) -> None:
        """A saved object is listed at once, and a deleted one is not."""
        for number in range(5):
            bench.save(f"{number}.json")
            assert bench.list_keys(ListQuery(str(number))) == [f"{number}.json"]
        for number in range(5):
            bench.delete(f"{number}.json")
            assert bench.list_keys(ListQuery(str(number))) == []

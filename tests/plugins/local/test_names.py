"""The packed names of a folder: complete, in order, and bounded."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock_local import names as names_module
from labeldock_local.names import NameReader, load_names
from tests.plugins.local.strategies import names

pytestmark = pytest.mark.usefixtures("small_blocks")


@pytest.fixture(scope="module")
def small_blocks():
    """Blocks and runs so small that a few names make many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names_module, "_BLOCK", 3)
        patch.setattr(names_module, "_RUN", 8)
        patch.setattr(names_module, "_MAX_RUNS", 4)
        yield


def make_entries(folder, files, folders):
    for name in files:
        Path(folder, name).touch()
    for name in folders:
        Path(folder, name).mkdir(exist_ok=True)


def list_windows(descriptor, start, budget):
    """Every name from the start on, one part after the other, and the parts' sizes."""
    found, sizes = [], []
    while start is not None:
        part = load_names(descriptor, start, budget)
        found += part.list_from(start)
        sizes.append(part.size)
        start = part.cut
    return found, sizes


@given(
    files=st.sets(names, max_size=60),
    folders=st.sets(names, max_size=20),
    start=st.just("") | names,
    budget=st.integers(1, 3000),
)
def test_all_names_come_in_order_whatever_the_budget(files, folders, start, budget):
    folders -= files
    start = start.encode()
    with tempfile.TemporaryDirectory() as folder:
        make_entries(folder, files, folders)
        descriptor = os.open(folder, os.O_RDONLY)

        found, _ = list_windows(descriptor, start, budget)
        os.close(descriptor)

    expected = [name.encode() for name in files]
    expected += [f"{name}/".encode() for name in folders]
    assert found == sorted(name for name in expected if name >= start)


@pytest.fixture
def descriptor(media):
    """A folder with a thousand names."""
    make_entries(media, (f"{number * 7 % 1000:04}" for number in range(1000)), ())
    descriptor = os.open(media, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_no_part_is_much_larger_than_the_budget(descriptor):
    found, sizes = list_windows(descriptor, b"", 2000)

    assert found == [f"{number:04}".encode() for number in range(1000)]
    assert len(sizes) > 10
    assert max(sizes) <= 2000


def test_names_can_be_taken_up_anywhere(descriptor):
    part = load_names(descriptor, b"", 10**6)

    for number in range(0, 990, 37):
        following = f"{number:04}".encode()
        assert next(part.list_from(following)) == following
        assert next(part.list_from(following + b"\0")) == f"{number + 1:04}".encode()
    assert list(part.list_from(b"0999\0")) == []


@pytest.mark.parametrize("most", [1, 2, 3, 4, 1000])
def test_reading_goes_on_after_any_name(descriptor, most):
    part = load_names(descriptor, b"", 10**6)
    start, found = b"", []

    while names := NameReader(part.list_blocks(start)).take(most):
        found += names
        start = names[-1] + b"\0"

    assert found == list(part.list_from(b""))


@given(
    names=st.lists(st.tuples(st.sampled_from([b"a", b"b/"]), st.integers(1, 4))),
    most=st.integers(1, 5),
)
def test_a_folder_comes_alone_and_files_up_to_it(names, most):
    blocks = [[name] * times for name, times in names]
    reader, taken = NameReader(iter(blocks)), []

    while part := reader.take(most):
        taken.append(part)

    assert [name for part in taken for name in part] == [
        name for block in blocks for name in block
    ]
    assert all(part == [b"b/"] or set(part) == {b"a"} for part in taken)
    assert max(map(len, taken), default=0) <= most


def test_a_part_knows_what_it_covers(descriptor):
    part = load_names(descriptor, b"0100", 2000)

    assert part.cut is not None
    assert part.covers(b"0100")
    assert not part.covers(b"00")
    assert not part.covers(part.cut)
    assert load_names(descriptor, b"0990", 10**6).covers(b"zzz")

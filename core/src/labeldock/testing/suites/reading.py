"""Reading: bytes, ranges, conditions and infos of objects."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labeldock.contract import (
    AccessDenied,
    ByteRange,
    InvalidKey,
    InvalidRange,
    ListQuery,
    ObjectNotFound,
    PreconditionFailed,
    ReadRequest,
    Unauthenticated,
)
from labeldock.testing.bench import DATA, Bench
from labeldock.testing.contents import assert_same_bytes, build_bytes
from labeldock.testing.keys import ODD_KEYS
from labeldock.testing.scenarios import scenario
from labeldock.testing.suites.suite import Suite

RANGES = (
    ByteRange(0, 0),
    ByteRange(0, 3),
    ByteRange(2, 5),
    ByteRange(9, 9),
    ByteRange(4),
    ByteRange(4, 1000),
    ByteRange(None, 4),
    ByteRange(None, 1000),
)
NOTHING = (ByteRange(10), ByteRange(10, 20), ByteRange(1000), ByteRange(None, 0))


class ReadingSuite(Suite):
    """What is read is what is there."""

    @scenario("R1")
    def test_r1_bytes(self, bench: Bench) -> None:
        """The bytes that are read are the bytes that are there."""
        for size in (1, 1000, 2**16, 2**20 + 7):
            data = build_bytes(size)
            bench.put("photo.jpg", data, "image/jpeg")
            assert_same_bytes(bench.read("photo.jpg"), data)

    @scenario("R2")
    def test_r2_empty_object(self, bench: Bench) -> None:
        """An empty object is read as no bytes."""
        bench.put("empty.txt", b"")

        body = bench.open(ReadRequest("empty.txt"))

        assert body.info.size == 0
        assert body.reader.read(100) == b""
        body.reader.close()

    @scenario("R3")
    def test_r3_ranges(self, bench: Bench) -> None:
        """A range gives its bytes: first, middle, last, open, suffix, over the end."""
        bench.put("a.txt", DATA)

        for each in RANGES:
            found = each.resolve(len(DATA))
            assert found is not None
            expected = DATA[found.first : found.last + 1]
            assert bench.read("a.txt", each) == expected, str(each)

    @scenario("R4")
    def test_r4_missing_object(self, bench: Bench) -> None:
        """An object that is not there is ObjectNotFound, also below one that is."""
        bench.put("a.txt")

        for key in ("b.txt", "a.tx", "a.txt2", "a.txt/b", "none/b.txt"):
            with pytest.raises(ObjectNotFound):
                bench.read(key)
            with pytest.raises(ObjectNotFound):
                bench.get_info(key)

    @scenario("R6")
    def test_r6_blocks(self, bench: Bench) -> None:
        """A read gives at most what was asked for, and nothing only at the end."""
        data = build_bytes(10_000)
        bench.put("a.bin", data)
        body = bench.open(ReadRequest("a.bin"))

        blocks = list(iter(lambda: body.reader.read(777), b""))

        assert_same_bytes(b"".join(blocks), data)
        assert max(map(len, blocks)) <= 777
        assert body.reader.read(777) == b""
        body.reader.close()

    @scenario("R7")
    def test_r7_info(self, bench: Bench) -> None:
        """A body comes with size, ETag, content type and time of the object."""
        bench.put("photo.jpg", b"x" * 1234, "image/jpeg")

        body = bench.open(ReadRequest("photo.jpg", ByteRange(0, 9)))
        body.reader.close()

        (listed,) = bench.list_objects()
        assert body.info.size == 1234
        assert body.info.content_type == "image/jpeg"
        assert body.info.etag == listed.etag
        assert body.info.last_modified is None or (
            body.info.last_modified.utcoffset() == timedelta()
        )

    @scenario("R9")
    def test_r9_no_permission(self, bench: Bench) -> None:
        """Without the permission to read, reading is AccessDenied."""
        bench.put("a.txt")
        other = bench.connect(bench.rig.no_permission)

        with pytest.raises(AccessDenied):
            other.read("a.txt")

    @scenario("R10")
    def test_r10_metadata(self, bench: Bench) -> None:
        """Metadata alone is the info of the whole object, and no bytes."""
        bench.put("photo.jpg", b"x" * 1234, "image/jpeg")

        body = bench.open(ReadRequest("photo.jpg", metadata_only=True))

        assert (body.info.size, body.info.content_type) == (1234, "image/jpeg")
        assert body.reader.read(100) == b""
        body.reader.close()

    @scenario("R11")
    def test_r11_if_match(self, bench: Bench) -> None:
        """An object is read only while it has the ETag asked for."""
        bench.put("a.txt", b"old")
        etag = bench.get_info("a.txt").etag
        assert bench.read_as(ReadRequest("a.txt", if_match=etag)) == b"old"
        bench.put("a.txt", b"new, and longer")

        for request in (
            ReadRequest("a.txt", if_match=etag),
            ReadRequest("a.txt", ByteRange(0, 1), if_match=etag),
            ReadRequest("a.txt", metadata_only=True, if_match=etag),
        ):
            with pytest.raises(PreconditionFailed):
                bench.read_as(request)

    @scenario("R12")
    def test_r12_empty_ranges(self, bench: Bench) -> None:
        """A range without a byte is InvalidRange, which says the object's size."""
        bench.put("a.txt", DATA)
        bench.put("empty.txt", b"")

        for each in NOTHING:
            with pytest.raises(InvalidRange) as caught:
                bench.read("a.txt", each)
            assert caught.value.size == len(DATA), str(each)
        for each in (ByteRange(0), ByteRange(0, 5), ByteRange(None, 5)):
            with pytest.raises(InvalidRange) as caught:
                bench.read("empty.txt", each)
            assert caught.value.size == 0, str(each)

    @scenario("R14")
    def test_r14_deleted_after_listing(self, bench: Bench) -> None:
        """An object deleted between listing and reading is ObjectNotFound."""
        bench.put("a.txt")
        (listed,) = bench.list_objects(ListQuery())
        bench.remove("a.txt")

        with pytest.raises(ObjectNotFound):
            bench.read_as(ReadRequest("a.txt", if_match=listed.etag))

    @scenario("R15")
    def test_r15_etags(self, bench: Bench) -> None:
        """An ETag is the same wherever it is told, and another one after a change."""
        bench.put("a.txt", b"one")
        body = bench.open(ReadRequest("a.txt"))
        body.reader.close()
        told = {
            body.info.etag,
            bench.get_info("a.txt").etag,
            bench.list_objects()[0].etag,
            bench.list_objects()[0].etag,
        }
        bench.put("a.txt", b"two")

        assert len(told) == 1
        assert bench.get_info("a.txt").etag not in told

    @scenario("R17")
    def test_r17_wrong_credentials(self, bench: Bench) -> None:
        """With credentials that are not known, reading is Unauthenticated."""
        bench.put("a.txt")
        other = bench.connect(bench.rig.wrong_credentials)

        with pytest.raises(Unauthenticated):
            other.read("a.txt")

    @scenario("R18")
    def test_r18_odd_keys(self, bench: Bench) -> None:
        """Objects with awkward keys are read, each its own bytes."""
        keys = bench.keep_legal(ODD_KEYS)
        for number, key in enumerate(keys):
            bench.put(key, b"%d" % number)

        found = {key: bench.read(key) for key in keys}

        assert found == {key: b"%d" % number for number, key in enumerate(keys)}

    @scenario("R19")
    def test_r19_no_keys(self, bench: Bench) -> None:
        """What cannot be a key is InvalidKey, or not found; never a crash."""
        unfit = [key for key in ODD_KEYS if not bench.rig.is_legal(bench.prefix + key)]
        nothing = [] if bench.prefix else [""]

        for key in (*unfit, *nothing, "a\0b", "\udcff"):
            with pytest.raises((InvalidKey, ObjectNotFound)):
                bench.read(key)

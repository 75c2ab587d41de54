"""Signed URLs, as a plain client without credentials meets them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest

from labeldock.contract import (
    InvalidKey,
    NotSupported,
    PresignRequest,
    SignedUrl,
    Signing,
    StorageError,
    Unauthenticated,
)
from labeldock.testing.bench import DATA, Bench
from labeldock.testing.client import fetch
from labeldock.testing.contents import build_bytes
from labeldock.testing.keys import ODD_KEYS
from labeldock.testing.rig import NotApplicable
from labeldock.testing.scenarios import scenario
from labeldock.testing.sockets import block_network
from labeldock.testing.suites.suite import Suite

MONTH = timedelta(days=30)
REFUSED = range(400, 500)


class PresignSuite(Suite):
    """A signed URL reads one object for some time, and does nothing else."""

    @scenario("P1", needs="presign")
    def test_p1_get(self, bench: Bench) -> None:
        """A signed URL gives the object to a client without credentials."""
        data = build_bytes(100_000)
        bench.put("photo.jpg", data, "image/jpeg")

        answer = fetch(bench.presign("photo.jpg").url)

        assert (answer.status, answer.body) == (200, data)
        assert answer.header("Content-Type") == "image/jpeg"

    @scenario("P2", needs="presign")
    def test_p2_expired(self, bench: Bench) -> None:
        """A signed URL says when it expires, and is refused afterwards."""
        bench.put("a.txt")
        ttl = timedelta(seconds=bench.rig.shortest_ttl)
        before = datetime.now(UTC)

        signed = bench.presign("a.txt", ttl)
        bench.rig.wait_until_expired(signed)

        assert signed.expires_at >= before + ttl - timedelta(seconds=1)
        assert fetch(signed.url).status in REFUSED

    @scenario("P3", needs="presign")
    def test_p3_other_methods(self, bench: Bench) -> None:
        """A signed URL neither writes nor deletes."""
        bench.put("a.txt")
        url = bench.presign("a.txt").url

        answers = [
            fetch(url, "PUT", body=b"overwritten"),
            fetch(url, "POST", body=b"overwritten"),
            fetch(url, "DELETE"),
        ]

        assert bench.peek("a.txt") == DATA
        assert all(answer.status >= 400 for answer in answers)

    @scenario("P4", needs="presign")
    def test_p4_odd_keys(self, bench: Bench) -> None:
        """Objects with awkward keys have URLs that lead to them, or InvalidKey."""
        keys = bench.keep_legal(ODD_KEYS)
        signable = [key for key in keys if bench.rig.is_signable(bench.prefix + key)]
        for number, key in enumerate(signable):
            bench.put(key, b"%d" % number)

        for number, key in enumerate(signable):
            answer = fetch(bench.presign(key).url)
            assert (answer.status, answer.body) == (200, b"%d" % number), repr(key)
        for key in set(keys) - set(signable):
            with pytest.raises(InvalidKey):
                bench.presign(key)

    @scenario("P5", needs="presign")
    def test_p5_folder_once(self, bench: Bench) -> None:
        """The URL leads to the whole key, each part of it once."""
        bench.put("folder/folder/a.txt", b"two deep")
        bench.put("folder/a.txt", b"one deep")
        bench.put("a.txt", b"not deep")

        found = [
            fetch(bench.presign(key).url).body
            for key in ("a.txt", "folder/a.txt", "folder/folder/a.txt")
        ]

        assert found == [b"not deep", b"one deep", b"two deep"]

    @scenario("P6", needs="presign")
    def test_p6_no_network(self, bench: Bench) -> None:
        """Where signing is said to be local, it needs no network at all."""
        if bench.info.signing is Signing.REMOTE:
            raise NotApplicable("the provider says that signing asks the storage")

        with block_network() as tried:
            signed = bench.presign("there is no such object.txt")

        assert isinstance(signed, SignedUrl)
        assert tried == []

    @scenario("P7", needs="presign")
    def test_p7_long_life(self, bench: Bench) -> None:
        """A very long life is granted, shortened and said so, or refused."""
        bench.put("a.txt")

        signed = _try_presign(bench, "a.txt", MONTH)
        if signed is None:
            return

        assert signed.expires_at <= datetime.now(UTC) + MONTH + timedelta(minutes=5)
        assert fetch(signed.url).body == DATA

    @scenario("P8")
    def test_p8_not_supported(self, bench: Bench) -> None:
        """A provider that says it cannot sign raises NotSupported."""
        if bench.claims("presign"):
            raise NotApplicable("the provider signs")
        bench.put("a.txt")

        with pytest.raises(NotSupported):
            bench.presign("a.txt")

    @scenario("P9", needs="presign")
    def test_p9_headers(self, bench: Bench) -> None:
        """The answer has the content type and disposition that were asked for."""
        bench.put("a.txt")
        disposition = 'attachment; filename="a photo.jpg"'

        signed = bench.presign_as(
            PresignRequest(
                "a.txt", timedelta(minutes=1), "application/octet-stream", disposition
            )
        )

        answer = fetch(signed.url)
        assert (answer.status, answer.body) == (200, DATA)
        assert answer.header("Content-Type") == "application/octet-stream"
        assert answer.header("Content-Disposition") == disposition

    @scenario("P10", needs="presign")
    def test_p10_other_objects(self, bench: Bench) -> None:
        """A signed URL of one object does not give another one."""
        bench.put("mine.txt", b"mine")
        bench.put("other.txt", b"somebody else's")
        signed = urlsplit(bench.presign("mine.txt").url)
        path = signed.path.replace("mine.txt", "other.txt")

        answer = fetch(urlunsplit(signed._replace(path=path)))

        assert answer.status in REFUSED
        assert b"somebody else's" not in answer.body

    @scenario("P11", needs="presign")
    def test_p11_ranges(self, bench: Bench) -> None:
        """A signed URL serves ranges, which players of media ask for."""
        bench.put("film.mp4", DATA, "video/mp4")
        url = bench.presign("film.mp4").url

        answer = fetch(url, headers={"Range": "bytes=2-5"})

        assert (answer.status, answer.body) == (206, DATA[2:6])

    @scenario("P12", needs="presign")
    def test_p12_missing_object(self, bench: Bench) -> None:
        """The URL of an object that is not there leads to nothing."""
        signed = _try_presign(bench, "none.txt", timedelta(minutes=1))
        if signed is None:
            return  # where signing asks the storage, it may notice

        assert fetch(signed.url).status in REFUSED

    @scenario("P13", needs="presign")
    def test_p13_wrong_credentials(self, bench: Bench) -> None:
        """What is signed with credentials that are not known opens nothing."""
        bench.put("a.txt")
        other = bench.connect(bench.rig.wrong_credentials)

        try:
            url = other.presign("a.txt").url
        except Unauthenticated:
            return

        assert fetch(url).status in REFUSED


def _try_presign(bench: Bench, key: str, ttl: timedelta) -> SignedUrl | None:
    """The signed URL, or None if this one is refused."""
    try:
        return bench.presign(key, ttl)
    except NotSupported:
        raise
    except StorageError:
        return None

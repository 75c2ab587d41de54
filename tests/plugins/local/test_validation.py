"""Checking a storage: each finding names a field and what to do."""

from __future__ import annotations

import errno
import os

import pytest

from labeldock.contract import Availability, Purpose, ValidateRequest
from tests.plugins.local.test_listing import watch_folders


@pytest.fixture
def check(provider, connect):
    """Validate a folder; returns the status, and the problem or None."""

    def check(path, purpose=Purpose.IMPORT, roots=None, **request):
        storage = connect(path, purpose, roots)
        report = provider.validate(storage, ValidateRequest(**request))
        assert len(report.problems) <= 1
        for problem in report.problems:
            assert all(problem), "field, message, remedy and code are all given"
        return report.status, next(iter(report.problems), None)

    return check


def test_a_folder_with_a_file_is_fine(check, media, put):
    put("a/b/c")

    assert check(media) == (Availability.AVAILABLE, None)
    assert check(media, prefix="a/b") == (Availability.AVAILABLE, None)
    assert check(media, prefix="a/b/c") == (Availability.AVAILABLE, None)


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_missing_folder_is_not_found(check, media, purpose):
    status, problem = check(media / "missing", purpose)

    assert status is Availability.NOT_FOUND
    assert (problem.field, problem.code) == ("path", "missing")
    assert "missing" in problem.message


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_file_is_not_a_folder(check, media, put, purpose):
    put("file")

    status, problem = check(media / "file", purpose)

    assert status is Availability.NOT_FOUND
    assert (problem.field, problem.code) == ("path", "not_a_folder")


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_folder_outside_the_roots_is_forbidden(check, tmp_path, purpose):
    status, problem = check(tmp_path, purpose)

    assert status is Availability.FORBIDDEN
    assert (problem.field, problem.code) == ("path", "outside_roots")
    assert "LABELDOCK_LOCAL_ROOTS" in problem.remedy


def test_a_link_to_the_outside_is_forbidden(check, media, tmp_path):
    (media / "link").symlink_to(tmp_path)

    status, problem = check(media / "link")

    assert status is Availability.FORBIDDEN
    assert problem.code == "outside_roots"


@pytest.mark.parametrize("purpose", list(Purpose))
def test_without_roots_everything_is_forbidden(check, media, purpose):
    status, problem = check(media, purpose, roots=())

    assert status is Availability.FORBIDDEN
    assert (problem.field, problem.code) == ("path", "no_roots")
    assert "LABELDOCK_LOCAL_ROOTS" in problem.remedy


@pytest.mark.parametrize("purpose", list(Purpose))
def test_an_unreadable_folder_is_forbidden(check, unprivileged, purpose):
    unprivileged.chmod(0)

    status, problem = check(unprivileged, purpose, roots=(unprivileged,))

    assert status is Availability.FORBIDDEN
    assert (problem.field, problem.code) == ("path", "forbidden")
    unprivileged.chmod(0o700)


def test_an_unreadable_prefix_is_forbidden(check, unprivileged):
    (unprivileged / "locked").mkdir(0)

    status, problem = check(unprivileged, roots=(unprivileged,), prefix="locked/")

    assert status is Availability.FORBIDDEN
    assert (problem.field, problem.code) == ("prefix", "forbidden")
    (unprivileged / "locked").chmod(0o700)


def test_a_folder_without_files_is_reported_on_the_path(check, media):
    (media / "empty" / "deeper").mkdir(parents=True)
    os.mkfifo(media / "pipe")

    status, problem = check(media)

    assert status is Availability.NOT_FOUND
    assert (problem.field, problem.code) == ("path", "no_object")
    assert str(media) in problem.message


@pytest.mark.parametrize(
    "prefix",
    ["missing", "a/missing", "a/b/", "b/", "/a", "../media/a", "a//b", "\0", "\ud800"],
)
def test_a_prefix_without_files_is_reported_on_the_prefix(check, media, put, prefix):
    put("a/b")

    status, problem = check(media, prefix=prefix)

    assert status is Availability.NOT_FOUND
    assert (problem.field, problem.code) == ("prefix", "no_object")
    assert repr(prefix) in problem.message


def test_names_that_cannot_be_keys_do_not_count(check, media, put):
    put(b"\xff")
    put(".labeldock-0123456789abcdef.tmp")

    status, _ = check(media)

    assert status is Availability.NOT_FOUND


def test_the_search_ends_at_the_first_object(check, media, put, monkeypatch):
    for number in range(30):
        put(f"{number:02}/{number}")
    put("00/first")
    read = watch_folders(monkeypatch)

    check(media)

    assert len(read) <= 3


def test_the_search_stays_below_the_prefix(check, media, put, monkeypatch):
    for number in range(30):
        put(f"a/{number:02}/file")
    read = watch_folders(monkeypatch)

    assert check(media, prefix="a/17/f") == (Availability.AVAILABLE, None)
    assert len(read) == 1


def test_an_object_is_found_though_bad_names_come_first(check, media, put):
    for byte in range(0x80, 0xA0):
        put(bytes([0x21, byte]) + b"/x")
    put("z/z/z")

    assert check(media) == (Availability.AVAILABLE, None)


def test_an_export_needs_no_file(check, media):
    assert check(media, Purpose.EXPORT) == (Availability.AVAILABLE, None)
    assert check(media, Purpose.EXPORT, prefix="new/x") == (
        Availability.AVAILABLE,
        None,
    )


@pytest.mark.parametrize("probe_write", [True, False])
def test_an_export_needs_permission_to_write(check, unprivileged, probe_write):
    unprivileged.chmod(0o500)

    status, problem = check(
        unprivileged, Purpose.EXPORT, roots=(unprivileged,), probe_write=probe_write
    )

    assert status is Availability.FORBIDDEN
    assert (problem.field, problem.code) == ("path", "forbidden")
    unprivileged.chmod(0o700)


def test_an_export_looks_at_the_folder_of_its_prefix(check, unprivileged):
    (unprivileged / "results").mkdir(0o500)

    status, _ = check(
        unprivileged, Purpose.EXPORT, roots=(unprivileged,), prefix="results/new/"
    )

    assert status is Availability.FORBIDDEN
    (unprivileged / "results").chmod(0o700)


@pytest.mark.parametrize("prefix", ["/abs/", "a//", "../", "\0"])
def test_an_export_refuses_a_prefix_no_key_can_have(check, media, prefix):
    status, problem = check(media, Purpose.EXPORT, prefix=prefix)

    assert status is Availability.NOT_FOUND
    assert (problem.field, problem.code) == ("prefix", "invalid_key")


def test_a_file_in_place_of_the_prefix_is_a_problem(check, media, put):
    put("results")

    status, problem = check(media, Purpose.EXPORT, prefix="results/")

    assert status is Availability.NOT_FOUND
    assert (problem.field, problem.code) == ("prefix", "invalid_key")


def test_a_probe_writes_and_leaves_nothing(check, media, monkeypatch):
    written, write = [], os.write

    def watched(descriptor, block):
        written.append(bytes(block))
        return write(descriptor, block)

    monkeypatch.setattr(os, "write", watched)

    check(media, Purpose.EXPORT, probe_write=True)

    assert written == [b"Labeldock can write here.\n"]
    assert list(media.iterdir()) == []


def test_without_a_probe_nothing_is_written(check, media):
    before = media.stat().st_mtime_ns

    check(media, Purpose.EXPORT)

    assert media.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        (errno.ENOSPC, Availability.UNREACHABLE, "disk_full"),
        (errno.EROFS, Availability.FORBIDDEN, "read_only"),
        (errno.ETIMEDOUT, Availability.UNREACHABLE, "storage_timeout"),
        (errno.EBUSY, Availability.UNREACHABLE, "storage_unavailable"),
    ],
)
def test_a_probe_that_fails_is_an_answer(
    check, media, monkeypatch, number, status, code
):
    def fail(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", fail)

    found, problem = check(media, Purpose.EXPORT, probe_write=True)

    assert found is status
    assert (problem.field, problem.code) == ("path", code)
    assert list(media.iterdir()) == []

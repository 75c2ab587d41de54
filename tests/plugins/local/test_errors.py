"""Every errno has a meaning in the terms of the contract."""

from __future__ import annotations

import errno
import os
import pickle

import pytest

from labeldock.contract import (
    AccessDenied,
    ContainerNotFound,
    InvalidKey,
    NotSupported,
    ObjectNotFound,
    OperationTimeout,
    StorageError,
    TooLarge,
    Unavailable,
)
from labeldock_local.errors import FOLDER, READING, WRITING, translate_errors

TABLES = {"folder": FOLDER, "reading": READING, "writing": WRITING}

ALIKE = {
    errno.EACCES: AccessDenied,
    errno.EPERM: AccessDenied,
    errno.EROFS: AccessDenied,
    errno.ENOSPC: Unavailable,
    errno.EDQUOT: Unavailable,
    errno.EFBIG: TooLarge,
    errno.EMFILE: Unavailable,
    errno.ENFILE: Unavailable,
    errno.EIO: Unavailable,
    errno.ESTALE: Unavailable,
    errno.EBUSY: Unavailable,
    errno.EAGAIN: Unavailable,
    errno.ENOLCK: Unavailable,
    errno.ETXTBSY: Unavailable,
    errno.ETIMEDOUT: OperationTimeout,
    errno.EOPNOTSUPP: NotSupported,
    errno.ENOSYS: NotSupported,
}

DIFFERENT = [
    # errno, folder, reading, writing
    (errno.ENOENT, ContainerNotFound, ObjectNotFound, Unavailable),
    (errno.ENOTDIR, ContainerNotFound, ObjectNotFound, InvalidKey),
    (errno.EISDIR, ContainerNotFound, ObjectNotFound, InvalidKey),
    (errno.ELOOP, ContainerNotFound, ObjectNotFound, InvalidKey),
    (errno.ENAMETOOLONG, ContainerNotFound, InvalidKey, InvalidKey),
    (errno.EILSEQ, InvalidKey, InvalidKey, InvalidKey),
    (errno.ENXIO, Unavailable, ObjectNotFound, Unavailable),
    (errno.EEXIST, Unavailable, Unavailable, InvalidKey),
    (errno.EINVAL, Unavailable, Unavailable, InvalidKey),
]


def translate(table, number):
    """The error that an errno becomes."""
    with (
        pytest.raises(StorageError, match="Could not try") as caught,
        translate_errors(table, "try", key="k", field="path"),
    ):
        raise OSError(number, os.strerror(number))
    return caught.value


@pytest.mark.parametrize("table", sorted(TABLES))
@pytest.mark.parametrize("number", sorted(ALIKE), ids=errno.errorcode.get)
def test_what_means_the_same_everywhere(table, number):
    assert type(translate(TABLES[table], number)) is ALIKE[number]


@pytest.mark.parametrize(
    ("number", "folder", "reading", "writing"),
    DIFFERENT,
    ids=[errno.errorcode[row[0]] for row in DIFFERENT],
)
def test_what_depends_on_the_access(number, folder, reading, writing):
    assert type(translate(FOLDER, number)) is folder
    assert type(translate(READING, number)) is reading
    assert type(translate(WRITING, number)) is writing


def test_the_tables_hold_nothing_that_is_not_tested_here():
    tested = {*ALIKE, *(row[0] for row in DIFFERENT), errno.ENOTEMPTY}

    assert tested >= {number for table in TABLES.values() for number in table}


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_errno_becomes_an_error_of_the_contract(table):
    for number in (*sorted(errno.errorcode), 0, 99999):
        error = translate(TABLES[table], number)

        assert isinstance(error, StorageError)
        assert (error.key, error.field) == ("k", "path")
        assert error.__cause__.errno == number
        assert pickle.loads(pickle.dumps(error)).message == error.message


def test_an_error_of_the_contract_passes_through():
    # It is a PermissionError too, and must not be translated a second time.
    with (
        pytest.raises(AccessDenied, match="as it was"),
        translate_errors(READING, "read"),
    ):
        raise AccessDenied("as it was")


def test_an_oserror_without_a_number_is_an_outage():
    with (
        pytest.raises(Unavailable, match="Could not read"),
        translate_errors(READING, "read"),
    ):
        raise OSError("strange")

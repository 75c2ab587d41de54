"""Read and parse the task files of a page, several at a time.

Reads are parallel, and ahead of whoever takes the results by a bounded number of files
and bytes; results come back in key order. What is wrong with one file is a failure of
that file; what is wrong with the storage ends the slice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from typing import Final

from labeldock.contract.errors import (
    ContainerNotFound,
    IntegrityError,
    PluginError,
    StorageError,
    TransientStorageError,
    Unauthenticated,
)
from labeldock.contract.values import MAX_KEY_BYTES, ObjectInfo, ReadRequest
from labeldock.services.connections import Connection
from labeldock.services.importing.formats.body import BLOCK
from labeldock.services.importing.formats.kinds import Kind, find_kind, is_packed
from labeldock.services.importing.formats.limits import check_size
from labeldock.services.importing.formats.parquet_rows import require_extra
from labeldock.services.importing.formats.problems import (
    EmptyFile,
    ExtraMissing,
    UnusableFile,
)
from labeldock.services.importing.formats.tasks import Tasks, TaskSpool
from labeldock.services.importing.pages import Failure
from labeldock.services.importing.parsing import parse_file
from labeldock.settings import Settings
from labeldock.telemetry import CorrelatedPool

_OF_THE_STORAGE: Final = (TransientStorageError, Unauthenticated, ContainerNotFound)
_UNPACKED: Final = 8  # how many times its size a compressed file is taken to need

Result = Tasks | Failure
Outcome = tuple[ObjectInfo, Result]


def read_files(
    connection: Connection, settings: Settings, objects: Sequence[ObjectInfo]
) -> Iterator[Outcome]:
    """The tasks, or the failure, of each object, in order.

    Raises:
        StorageError: the storage as a whole does not answer.
    """
    read = partial(_read_one, connection, settings)
    with CorrelatedPool(settings.read_threads, "task-files") as pool:
        try:
            yield from _read_ahead(pool, read, settings, objects)
        finally:
            pool.shutdown(cancel_futures=True)


def _read_ahead(
    pool: Executor,
    read: Callable[[ObjectInfo], Result],
    settings: Settings,
    objects: Sequence[ObjectInfo],
) -> Iterator[Outcome]:
    """Results in order; what is read, or waits to be taken, is bounded in bytes."""
    most, at_once = settings.read_ahead_bytes, 2 * settings.read_threads
    waiting, ahead, held = deque(objects), deque[tuple[ObjectInfo, Future[Result]]](), 0
    while waiting or ahead:
        while waiting and len(ahead) < at_once:
            size = _weigh(waiting[0], settings)
            if ahead and held + size > most:
                break
            info = waiting.popleft()
            ahead.append((info, pool.submit(read, info)))
            held += size
        info, future = ahead.popleft()
        yield info, future.result()
        held -= _weigh(info, settings)


def _weigh(info: ObjectInfo, settings: Settings) -> int:
    """How many bytes a file may come to while it is read; past the limit it is not."""
    size = info.size * _UNPACKED if is_packed(info.key) else info.size
    return min(size, settings.task_file_max_bytes)


def measure(info: ObjectInfo, result: Result) -> int:
    """How many bytes an object takes until it is committed, as a file and as tasks."""
    return max(info.size, result.length) if isinstance(result, TaskSpool) else info.size


def _read_one(connection: Connection, settings: Settings, info: ObjectInfo) -> Result:
    if is_too_long(info.key):
        return refuse_long_key(info)
    try:
        return _parse_firmly(connection, settings, info)
    except ExtraMissing as error:
        return _build_failure(info, error, is_final=False)
    except UnusableFile as error:
        return _build_failure(info, error, is_final=True)
    except _OF_THE_STORAGE:
        raise
    except (StorageError, PluginError) as error:
        return _build_failure(info, error, is_final=False)


def _parse_firmly(
    connection: Connection, settings: Settings, info: ObjectInfo
) -> TaskSpool:
    """Read once more what came to an early end: a connection may have broken."""
    try:
        return _parse_object(connection, settings, info)
    except IntegrityError:
        return _parse_object(connection, settings, info)


def _build_failure(
    info: ObjectInfo,
    error: UnusableFile | StorageError | PluginError,
    *,
    is_final: bool,
) -> Failure:
    """With a link if only a change of the object can help; else the next run tries."""
    row = error.place.row if isinstance(error, UnusableFile) else -1
    linked = info if is_final else None
    return Failure(linked, info.key, row, error.code, error.message, error.remedy)


def _parse_object(
    connection: Connection, settings: Settings, info: ObjectInfo
) -> TaskSpool:
    """What can be told from the listing is told before the object is asked for."""
    kind = find_kind(info.key)
    if not info.size:
        raise EmptyFile("The file is empty.", remedy="Put at least one task in it.")
    check_size(settings, info.size)
    if kind is Kind.PARQUET:
        require_extra()
    found = connection.provider.get_data(connection.ref, ReadRequest(info.key))
    try:
        if found.info.etag != info.etag:
            raise IntegrityError(
                f"{info.key} was overwritten since it was listed.",
                key=info.key,
                remedy="It is read again by the next sync.",
            )
        blocks = iter(partial(found.reader.read, BLOCK), b"")
        return parse_file(blocks, kind, settings)
    finally:
        found.reader.close()


def is_too_long(key: str) -> bool:
    """Whether a key has more bytes than links can hold (and any cloud takes)."""
    return len(key) > MAX_KEY_BYTES // 4 and len(key.encode()) > MAX_KEY_BYTES


def refuse_long_key(info: ObjectInfo) -> Failure:
    """The failure of an object whose key is too long; it has no link."""
    message = f"The key has more than {MAX_KEY_BYTES} bytes."
    remedy = "Give the object a shorter key."
    return Failure(None, info.key, -1, "key_too_long", message, remedy)

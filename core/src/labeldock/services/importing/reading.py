"""Read and parse the task files of a page, several at a time.

Reads are parallel, and ahead of whoever takes the results by a bounded number of files
and bytes; results come back in key order. What is wrong with one file is a failure of
that file; what is wrong with the storage ends the slice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial

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
from labeldock.services.importing.pages import Failure
from labeldock.services.importing.parsing import (
    ParsedTask,
    UnusableFile,
    is_task_file,
    parse_file,
)
from labeldock.settings import Settings

_BLOCK = 256 * 1024
_OF_THE_STORAGE = (TransientStorageError, Unauthenticated, ContainerNotFound)

Result = Sequence[ParsedTask] | Failure
Outcome = tuple[ObjectInfo, Result]


def read_files(
    connection: Connection, settings: Settings, objects: Sequence[ObjectInfo]
) -> Iterator[Outcome]:
    """The tasks, or the failure, of each object, in order.

    Raises:
        StorageError: the storage as a whole does not answer.
    """
    read = partial(_read_one, connection, settings)
    with ThreadPoolExecutor(settings.read_threads, "task-files") as pool:
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
    """Results in order; what is ahead of the taker fits into one largest file."""
    most, at_once = settings.task_file_max_bytes, 2 * settings.read_threads
    waiting, ahead, held = deque(objects), deque[tuple[ObjectInfo, Future[Result]]](), 0
    while waiting or ahead:
        while waiting and len(ahead) < at_once:
            size = min(waiting[0].size, most)
            if ahead and held + size > most:
                break
            info = waiting.popleft()
            ahead.append((info, pool.submit(read, info)))
            held += size
        info, future = ahead.popleft()
        yield info, future.result()
        held -= min(info.size, most)


def _read_one(connection: Connection, settings: Settings, info: ObjectInfo) -> Result:
    if is_too_long(info.key):
        return refuse_long_key(info)
    if not is_task_file(info.key):
        return _unsupported(info)
    if info.size > settings.task_file_max_bytes:
        return _too_large(info, settings)
    try:
        body = _read_body(connection, settings, info)
        return parse_file(body, max_rows=settings.task_file_max_rows)
    except UnusableFile as error:
        return Failure(
            info, info.key, error.row, error.code, error.message, error.remedy
        )
    except _OF_THE_STORAGE:
        raise
    except (StorageError, PluginError) as error:
        # Not linked, so that the object is tried again by the next run.
        return Failure(None, info.key, -1, error.code, error.message, error.remedy)


def _read_body(connection: Connection, settings: Settings, info: ObjectInfo) -> bytes:
    found = connection.provider.get_data(connection.ref, ReadRequest(info.key))
    reader, blocks, size = found.reader, [], 0
    try:
        while block := reader.read(_BLOCK):
            blocks.append(block)
            size += len(block)
            if size > settings.task_file_max_bytes:
                message, remedy = _size_text(settings)
                raise UnusableFile(message, remedy=remedy)
    finally:
        reader.close()
    if found.info.etag != info.etag:
        raise IntegrityError(
            f"{info.key} was overwritten since it was listed.",
            key=info.key,
            remedy="It is read again by the next sync.",
        )
    return b"".join(blocks)


def is_too_long(key: str) -> bool:
    """Whether a key has more bytes than links can hold (and any cloud takes)."""
    return len(key) > MAX_KEY_BYTES // 4 and len(key.encode()) > MAX_KEY_BYTES


def refuse_long_key(info: ObjectInfo) -> Failure:
    """The failure of an object whose key is too long; it has no link."""
    message = f"The key has more than {MAX_KEY_BYTES} bytes."
    remedy = "Give the object a shorter key."
    return Failure(None, info.key, -1, "key_too_long", message, remedy)


def _unsupported(info: ObjectInfo) -> Failure:
    return Failure(
        info,
        info.key,
        -1,
        "unsupported_format",
        f"{info.key} is not a task file (.json, .jsonl or without extension).",
        "If these objects are media, set use_blob_urls (one task per object); else "
        "set regex_filter so that only task files pass.",
    )


def _too_large(info: ObjectInfo, settings: Settings) -> Failure:
    message, remedy = _size_text(settings)
    return Failure(info, info.key, -1, "file_too_large", message, remedy)


def _size_text(settings: Settings) -> tuple[str, str]:
    return (
        f"The file is larger than {settings.task_file_max_bytes} bytes.",
        "Split it, or raise LABELDOCK_TASK_FILE_MAX_BYTES.",
    )

"""A small server of objects that it makes up, for S3, Azure Blob Storage and GCS.

It believes everybody, keeps nothing, and is quick, so that what a client costs shows:

    python -m bench.object_server [--delay SECONDS]     prints its address

GET and HEAD of `/CONTAINER/NUMBER-SIZE` answer with an object of so many bytes, ranges
too; GET of `/CONTAINER` lists `--count` of them, `--per-folder` in each folder, and a
hundred folders in each of the folders above; PUT and DELETE succeed. Objects whose
keys begin with `silent/` are never answered, those below `stalled/` stop after half of
their bytes, those below `tasks/` hold a task as JSON. It runs as a process of its own:
in the client's, both would take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

BLOCK = memoryview(bytes(2**20))
ETAG = '"0x8DC0FFEE0000000"'
MODIFIED = "Sat, 21 Nov 2026 10:00:00 GMT"
SIZE = re.compile(r"/.+/.*-(\d+)")
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
GCS_DOWNLOAD = "/download/storage/"
GCS_TOKEN = "/token"
TOKEN = b'{"access_token": "bench", "expires_in": 3600, "token_type": "Bearer"}'


class ObjectServer:
    """The answers."""

    def __init__(self, delay: float, count: int, size: int, per_folder: int) -> None:
        self._delay = delay
        self._names = [
            _build_folder(number, per_folder) + f"{number:06}-{size}"
            for number in range(count)
        ]
        self._names.sort()

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection: request after request."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await self._answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        fields = _parse_fields(head)
        await _drop_body(fields, reader, writer)
        url = urlsplit(target)
        path = unquote(url.path)
        if "/silent/" in path:
            await asyncio.sleep(3600)
        if self._delay:
            await asyncio.sleep(self._delay)
        found = SIZE.fullmatch(path)
        if path == GCS_TOKEN:
            _write(writer, "application/json", TOKEN)
        elif method in {"PUT", "POST", "DELETE"}:
            _write_head(writer, 201 if method == "PUT" else 204, {"ETag": ETAG})
        elif found is None:
            self._list(url.query, writer)
        else:
            await _send(_Asked(method, path, int(found[1])), fields, writer)
        await writer.drain()

    def _list(self, query: str, writer: asyncio.StreamWriter) -> None:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        tokens = ("start-after", "continuation-token", "marker")
        start = next((asked[name] for name in tokens if name in asked), "")
        folder = asked.get("prefix", "")
        limit = int(asked.get("max-keys", "1000"))
        first = 0
        if start > folder:
            first = bisect_right(self._names, start, key=lambda name: folder + name)
        names = [folder + name for name in self._names[first : first + limit]]
        entries = "".join(
            f"<Contents><Key>{name}</Key><Size>{name.rsplit('-')[-1]}</Size>"
            f"<ETag>{ETAG}</ETag><LastModified>2026-11-21T10:00:00Z</LastModified>"
            "</Contents>"
            for name in names
        )
        more = str(first + limit < len(self._names)).lower()
        last = names[-1] if names else ""
        body = (
            f"<ListBucketResult><IsTruncated>{more}</IsTruncated>"
            f"<KeyCount>{len(names)}</KeyCount>"
            f"<NextContinuationToken>{last}</NextContinuationToken>{entries}"
            "</ListBucketResult>"
        ).encode()
        _write(writer, "application/xml", body)


def _build_folder(number: int, per_folder: int) -> str:
    if not per_folder:
        return ""
    folder = number // per_folder
    return f"part_{folder // 100:04}/batch_{folder % 100:02}/"


class _Asked(NamedTuple):
    """An object that is asked for."""

    method: str
    path: str
    size: int


def _parse_fields(head: str) -> dict[str, str]:
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines}


async def _drop_body(
    fields: Mapping[str, str],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    if fields.get("expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    left = int(fields.get("content-length", "0"))
    while left:
        left -= len(await reader.read(min(left, len(BLOCK))))


async def _send(
    asked: _Asked, fields: Mapping[str, str], writer: asyncio.StreamWriter
) -> None:
    part = RANGE.fullmatch(fields.get("x-ms-range", fields.get("range", "")))
    first, last = _resolve(part, asked.size) if part else (0, asked.size - 1)
    length = last - first + 1
    headers = {
        "ETag": ETAG,
        "Last-Modified": MODIFIED,
        "Content-Type": "application/octet-stream",
        "Content-Length": str(length),
        "x-ms-blob-type": "BlockBlob",
    }
    if part:
        headers["Content-Range"] = f"bytes {first}-{last}/{asked.size}"
    if asked.path.startswith(GCS_DOWNLOAD):
        headers |= _build_gcs_headers(asked.size)
    _write_head(writer, 206 if part else 200, headers)
    if asked.method == "HEAD":
        return
    if "/tasks/" in asked.path:
        writer.write(make_task(asked.size)[first : last + 1])
        return
    await _send_zeros(writer, length // 2 if "/stalled/" in asked.path else length)
    if "/stalled/" in asked.path:
        await asyncio.sleep(3600)


@functools.cache
def make_task(size: int) -> bytes:
    """A task of so many bytes."""
    text = b'{"data": {"text": "%s"}}'
    return text % (b"x" * (size - len(text) + 2))


async def _send_zeros(writer: asyncio.StreamWriter, length: int) -> None:
    left = length
    while left:
        block = BLOCK[:left]
        writer.write(block)
        await writer.drain()
        left -= len(block)


@functools.cache
def _build_gcs_headers(size: int) -> dict[str, str]:
    """With the checksum that its clients compare, as they do with Google's."""
    import google_crc32c

    whole, rest = divmod(size, len(BLOCK))
    checksum = google_crc32c.Checksum()
    for block in (*[BLOCK] * whole, BLOCK[:rest]):
        checksum.update(bytes(block))
    return {
        "X-Goog-Generation": "1",
        "X-Goog-Stored-Content-Encoding": "identity",
        "X-Goog-Stored-Content-Length": str(size),
        "X-Goog-Hash": f"crc32c={base64.b64encode(checksum.digest()).decode()}",
    }


def _resolve(asked: re.Match[str], size: int) -> tuple[int, int]:
    if not asked[1]:
        return max(0, size - int(asked[2])), size - 1
    return int(asked[1]), min(int(asked[2] or size), size - 1)


def _write(writer: asyncio.StreamWriter, kind: str, body: bytes) -> None:
    _write_head(writer, 200, {"Content-Type": kind, "Content-Length": str(len(body))})
    writer.write(body)


def _write_head(
    writer: asyncio.StreamWriter, status: int, headers: Mapping[str, str]
) -> None:
    fields = {"Content-Length": "0", **headers}
    lines = [f"HTTP/1.1 {status} .", *(f"{n}: {v}" for n, v in fields.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))


@contextmanager
def served_objects(*options: str) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-m", "bench.object_server", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


async def _run(options: argparse.Namespace) -> None:
    objects = ObjectServer(
        options.delay, options.count, options.size, options.per_folder
    )
    server = await asyncio.start_server(objects.serve, "127.0.0.1", 0, limit=2**20)
    address = server.sockets[0].getsockname()
    sys.stdout.write(f"http://127.0.0.1:{address[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.0, help="before each answer")
    parser.add_argument("--count", type=int, default=1000, help="objects in a listing")
    parser.add_argument("--size", type=int, default=20_000, help="of each of them")
    parser.add_argument("--per-folder", type=int, default=0, help="0: no folders")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(_run(_parse_arguments()))

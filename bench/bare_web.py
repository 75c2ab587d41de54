"""The least that media could cost: a redirect, a stream, reads without any web.

`redirect` is a coroutine of bare Starlette; `stream` a bare ASGI function that sends
the blocks of boto3 as they come. Both run as the service does, on uvicorn.

    python -m bench.bare_web ADDRESS KEY SECONDS THREADS    reads, and prints a rate
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from functools import cache
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bench.service import BUCKET, KEYS, WORKERS

ADDRESS, BLOCK = "BENCH_OBJECTS", "BENCH_BLOCK"
_TARGET = "https://media.example.org/a/picture.jpg?signature=0123456789abcdef"


async def _redirect(_: Request) -> RedirectResponse:
    return RedirectResponse(_TARGET, 303)


redirect = Starlette(routes=[Route("/{path:path}", _redirect)])


async def stream(scope: Scope, _receive: Receive, send: Send) -> None:
    """The object that the path names, whole."""
    if scope["type"] != "http":
        return
    key = scope["path"].removeprefix("/")
    if not key:
        await send({"type": "http.response.start", "status": 404})
        await send({"type": "http.response.body"})
        return
    answer = _build_client(os.environ[ADDRESS]).get_object(Bucket=BUCKET, Key=key)
    left, size = answer["ContentLength"], int(os.environ[BLOCK])
    headers = [(b"content-length", str(left).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while left:
        block = answer["Body"].read(size)
        left -= len(block)
        message = {"body": block, "more_body": left > 0}
        await send({"type": "http.response.body", **message})


@cache
def _build_client(address: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"}, max_pool_connections=64)
    return boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1", config=config, **KEYS
    )


def read_in_parallel(address: str, key: str, seconds: float, threads: int) -> float:
    """Objects in a second, read by as many processes as the service has."""
    numbers = (str(seconds), str(threads))
    command = [sys.executable, "-m", "bench.bare_web", address, key, *numbers]
    pipe = subprocess.PIPE
    readers = [
        subprocess.Popen(command, stdout=pipe, text=True) for _ in range(WORKERS)
    ]
    return sum(float(reader.communicate()[0]) for reader in readers)


def _read(address: str, key: str, seconds: float, threads: int) -> float:
    client = _build_client(address)
    client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    counts = [0] * threads
    began = time.monotonic()

    def work(number: int) -> None:
        while time.monotonic() < began + seconds:
            client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            counts[number] += 1

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.monotonic() - began)


if __name__ == "__main__":
    rate = _read(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
    sys.stdout.write(f"{rate}\n")

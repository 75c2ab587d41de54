"""Reading content to be written: streams may give less than they are asked for."""

from __future__ import annotations

from typing import BinaryIO

from labeldock.contract import IntegrityError, WriteRequest


def read_whole(request: WriteRequest) -> bytes:
    """All of a small content.

    Raises:
        IntegrityError: it is not as long as it says.
    """
    size = request.content.size
    with request.content.open() as stream:
        data = read_block(stream, size + 1)
    if len(data) != size:
        raise wrong_size(request)
    return data


def read_block(stream: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer only at the end of the stream."""
    blocks, missing = [], size
    while missing and (block := stream.read(missing)):
        blocks.append(block)
        missing -= len(block)
    return b"".join(blocks)


def wrong_size(request: WriteRequest) -> IntegrityError:
    """The error for content that is not as long as it said."""
    return IntegrityError(
        f"The content is not {request.content.size} bytes long, as it said.",
        key=request.key,
    )

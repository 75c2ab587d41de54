"""HTTP/1.1 messages on the wire (RFC 9112): where a head ends, how long a body is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

from labeldock.testing.answers import Answer

BLOCK: Final = 64 * 1024
LONGEST_LINE: Final = 64 * 1024
BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Source(Protocol):
    """Bytes to read, e.g. the file of a socket."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes, empty at the end."""

    def readline(self, size: int, /) -> bytes:
        """A line with its end."""


class Sink(Protocol):
    """Where bytes are written to."""

    def write(self, data: bytes, /) -> object:
        """Write them all."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How long a body is.

    Attributes:
        length: its bytes; None if another rule says.
        is_chunked: it comes in chunks, each with its length.
    """

    length: int | None = 0
    is_chunked: bool = False

    @property
    def is_bounded(self) -> bool:
        """Whether its end can be told without the end of the connection."""
        return self.is_chunked or self.length is not None


NO_BODY: Final = Framing()
TO_THE_END: Final = Framing(None)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request or an answer, as it came.

    Attributes:
        first: the first line, split at its spaces.
        raw: all lines, with the empty one at the end.
        framing: of the body that follows.
        expects_continue: the body follows only when it has been asked for.
    """

    first: tuple[str, ...]
    raw: bytes
    framing: Framing
    expects_continue: bool = False

    @property
    def method(self) -> str:
        """The method of a request."""
        return self.first[0]

    @property
    def target(self) -> str:
        """The target of a request: path and query."""
        return self.first[1]

    def render_for_upstream(self) -> bytes:
        """The head without `Expect`, which whoever reads it has answered already."""
        if not self.expects_continue:
            return self.raw
        lines = self.raw.split(b"\r\n")
        return b"\r\n".join(
            line for line in lines if not line.lower().startswith(b"expect:")
        )


def read_head(source: Source) -> Head | None:
    """The head of the next request; None if there is none."""
    raw = _read_lines(source)
    if not raw:
        return None
    fields = _parse_fields(raw)
    return Head(
        first=_split_first(raw),
        raw=raw,
        framing=_find_framing(fields) or NO_BODY,
        expects_continue=fields.get("expect", "").lower() == "100-continue",
    )


def read_reply_head(source: Source, method: str) -> Head | None:
    """The head of the final answer to a request of this method; None if none came."""
    while raw := _read_lines(source):
        status = int(_split_first(raw)[1])
        if status < HTTPStatus.OK:
            continue  # an interim answer, e.g. 100
        framing = _find_framing(_parse_fields(raw)) or TO_THE_END
        if method == "HEAD" or status in BODILESS:
            framing = NO_BODY
        return Head(_split_first(raw), raw, framing)
    return None


def render_answer(answer: Answer, *, has_body: bool = True) -> bytes:
    """An answer as it goes over the wire."""
    phrase = HTTPStatus(answer.status).phrase
    fields = {**answer.headers, "Content-Length": str(len(answer.body))}
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head + answer.body if has_body else head


def copy_body(
    source: Source, framing: Framing, sinks: Sequence[Sink], limit: int | None = None
) -> bool:
    """Copy a body as it comes, chunk lines and all.

    Args:
        source: where it comes from.
        framing: how long it is.
        sinks: where it goes to.
        limit: stop after so many bytes; None for no limit.

    Returns:
        Whether it was copied to its end.
    """
    left = limit
    for block in _read_body(source, framing):
        part = block if left is None else block[:left]
        for sink in sinks:
            sink.write(part)
        if left is not None:
            left -= len(part)
        if len(part) < len(block):
            return False
    return True


def _read_lines(source: Source) -> bytes:
    """Up to and with the empty line; empty if the connection ended before it."""
    lines: list[bytes] = []
    while line := source.readline(LONGEST_LINE):
        lines.append(line)
        if line in {b"\r\n", b"\n"}:
            return b"".join(lines)
    return b""


def _split_first(raw: bytes) -> tuple[str, ...]:
    return tuple(raw.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2))


def _parse_fields(raw: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in raw.decode("latin-1").splitlines()[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _find_framing(fields: dict[str, str]) -> Framing | None:
    if "chunked" in fields.get("transfer-encoding", "").lower():
        return Framing(None, is_chunked=True)
    if "content-length" in fields:
        return Framing(int(fields["content-length"]))
    return None


def _read_body(source: Source, framing: Framing) -> Iterable[bytes]:
    if framing.is_chunked:
        return _read_chunks(source)
    return _read_exactly(source, framing.length)


def _read_exactly(source: Source, length: int | None) -> Iterable[bytes]:
    """So many bytes, or all there are; short if the connection ends."""
    left = length
    while left is None or left > 0:
        block = source.read(BLOCK if left is None else min(BLOCK, left))
        if not block:
            return
        yield block
        left = None if left is None else left - len(block)


def _read_chunks(source: Source) -> Iterable[bytes]:
    while line := source.readline(LONGEST_LINE):
        yield line
        size = int(line.split(b";")[0], 16)
        yield from _read_exactly(source, size)
        if size == 0:
            yield from _read_trailer(source)
            return
        yield source.readline(LONGEST_LINE)  # the line end after the chunk's data


def _read_trailer(source: Source) -> Iterable[bytes]:
    while line := source.readline(LONGEST_LINE):
        yield line
        if line == b"\r\n":
            return

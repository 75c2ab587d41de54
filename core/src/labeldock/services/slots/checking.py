"""Whether referenced objects are where a storage would look for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from labeldock.contract.errors import ObjectNotFound, StorageError
from labeldock.contract.values import ReadRequest
from labeldock.services.connections import Connection
from labeldock.telemetry import CorrelatedPool

Verdict = Literal["found", "missing", "changed", "unreadable"]
VERDICTS: Final[tuple[Verdict, ...]] = ("found", "missing", "changed", "unreadable")
_AT_ONCE: Final = 8
_MOST_NAMED: Final = 20


class Expected(NamedTuple):
    """An object that has to be there: its key in the storage, and what it was like.

    An empty ETag is not compared; ETags of other providers say nothing.
    """

    key: str
    etag: str
    size: int


class Finding(NamedTuple):
    """What became of an object, and what is wrong with it if something is."""

    key: str
    verdict: Verdict
    message: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found of the objects that were looked for.

    Attributes:
        checked: how many were looked for.
        counts: by verdict: `found`, `missing`, `changed` (another size or ETag),
            `unreadable`.
        problems: the first of those that were not found as expected.
    """

    checked: int
    counts: dict[str, int]
    problems: tuple[Finding, ...]


def check_objects(
    connection: Connection, expected: Iterable[Expected]
) -> list[Finding]:
    """Look for objects, several at a time, without reading them; in their order."""
    with CorrelatedPool(_AT_ONCE, thread_name_prefix="reference-check") as pool:
        return list(pool.map(lambda each: _check(connection, each), expected))


def sum_up(findings: Sequence[Finding]) -> CheckReport:
    """A report of findings."""
    counts = Counter(finding.verdict for finding in findings)
    problems = [finding for finding in findings if finding.verdict != "found"]
    return CheckReport(
        checked=len(findings),
        counts={verdict: counts[verdict] for verdict in VERDICTS},
        problems=tuple(problems[:_MOST_NAMED]),
    )


def _check(connection: Connection, expected: Expected) -> Finding:
    key = expected.key
    try:
        request = ReadRequest(key, metadata_only=True)
        body = connection.provider.get_data(connection.ref, request)
    except ObjectNotFound:
        return Finding(key, "missing", "There is no such object.")
    except StorageError as error:
        return Finding(key, "unreadable", error.message)
    body.reader.close()
    if body.info.size != expected.size:
        message = f"It has {body.info.size} bytes, not {expected.size}."
        return Finding(key, "changed", message)
    if expected.etag and body.info.etag != expected.etag:
        return Finding(key, "changed", "It has another ETag.")
    return Finding(key, "found")

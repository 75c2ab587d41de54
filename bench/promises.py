"""What was promised: which figures stand in the one table, and what is beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.peers import NAME
from tests.compat.peer import COMMAND

PEER: Final = f"{NAME}: {COMMAND}"
POSTGRES: Final = "PostgreSQL: ./dev setup"
HOSTED: Final = "PostgreSQL and Redis: ./dev setup"


@dataclass(frozen=True, slots=True)
class Promise:
    """A line of the table.

    Attributes:
        bench: which bench measures it.
        figures: the names of its figures, with * for what depends on the amounts; of
            several, the table shows the one that is nearest to its limit.
        text: what the line says if there is no figure, or if there are several.
        beside: what the second number is.
        needs: without which it cannot be measured, and the command that installs it.
    """

    bench: str
    figures: str
    text: str
    beside: str = ""
    needs: str = ""


_LS: Final = (NAME, PEER)
Lines = tuple[tuple[str, ...], ...]

_STARTUP: Final[Lines] = (
    ("import labeldock, *", "import labeldock", "bare Python"),
    ("labeldock --help", "labeldock --help", "bare Python"),
    ("a web process is ready, embedded", "a web process is ready, embedded"),
    ("a web process is ready, hosted", "a web process is ready, hosted", "", HOSTED),
    ("memory of a web process, embedded*", "memory of a web process, embedded"),
    ("memory of a web process, hosted*", "memory of a web process", "", HOSTED),
    ("memory of an idle worker, embedded", "memory of an idle worker, embedded"),
    ("memory of an idle worker, hosted", "memory of an idle worker", "", HOSTED),
)

_PROVIDERS: Final[Lines] = tuple(
    (f"{provider}: {figures}", f"{provider}: {text}", beside)
    for provider, sdk, signer in (
        ("S3", "boto3", "boto3"),
        ("Azure", "azure-storage-blob", "azure-storage-blob"),
        ("GCS", "google-cloud-storage", "RSA alone"),
    )
    for figures, text, beside in (
        ("read 100 MB", "read 100 MB", sdk),
        ("read * objects of 20 kB", "read many objects of 20 kB", sdk),
        ("sign URLs", "sign URLs", signer),
        ("give up on no answer*", "give up a server that is silent", ""),
        ("give up on half a body*", "give up half a body", ""),
    )
)

_IMPORT: Final[Lines] = (
    ("first import: flat folder*", "first import, flat folder", "executemany"),
    ("first import: deep tree*", "first import, deep tree", "executemany"),
    (
        "second sync, beside a bare listing: flat folder*",
        "second sync of a flat folder",
        "os.scandir and stat",
    ),
    (
        "second sync, beside a bare listing: deep tree*",
        "second sync of a deep tree",
        "os.scandir and stat",
    ),
    ("second sync of * objects, listed from memory", "second sync, from memory"),
    ("second sync of *, beside a listing by boto3", "second sync, S3", "boto3 alone"),
    ("import * from S3, 0 ms a request", "task files", "parallel GET and insert"),
    ("import * from S3, 20 ms a request", "slow task files", "parallel GET and insert"),
    (
        "first import on PostgreSQL, beside SQLite: flat folder*",
        "first import on PostgreSQL, flat folder",
        "SQLite",
        POSTGRES,
    ),
    (
        "first import on PostgreSQL, beside SQLite: deep tree*",
        "first import on PostgreSQL, deep tree",
        "SQLite",
        POSTGRES,
    ),
    ("2 workers, *", "2 workers", "one worker", HOSTED),
    ("8 workers, *", "8 workers", "one worker", HOSTED),
    *(
        (f"{order} sync of * {kind} from *, beside *", f"{order} sync of {kind}", *_LS)
        for kind in ("objects", "JSON files")
        for order in ("first", "second")
    ),
)

_FAIRNESS: Final[Lines] = tuple(
    (f"{mode}: {figures}", f"{mode}: {text}", beside, *needs)
    for mode, needs in (("embedded", ()), ("hosted", (HOSTED,)))
    for figures, text, beside in (
        ("longest of * syncs *", "a sync beside another team's large ones", "alone"),
        ("import of a team alone, *", "import of a team alone", "without turns"),
    )
)

_MEMORY: Final[Lines] = (
    ("memory growth: *", "growth of a worker's memory", "few objects"),
    ("peak memory: *", "a worker's memory at most", "few objects"),
)

_MEDIA: Final[Lines] = (
    ("redirects, by token", "redirects, by token", "bare Starlette"),
    ("redirects, by session", "redirects, by session", "bare Starlette"),
    ("redirects at * 99th percentile", "redirects, steadily", "bare Starlette"),
    ("pass 100 MB through", "pass 100 MB through", "bare ASGI and boto3"),
    ("pass pictures of 50 kB through", "pass pictures through", "boto3, no web"),
    ("redirects beside * slow streams, *", "beside slow streams", "without them"),
    ("memory of a slow stream", "memory of a slow stream"),
    ("list * tasks of * URIs", "list tasks of many URIs", "without media URLs"),
    ("redirects of * connections, beside *", "redirects", *_LS),
)

_EXPORT: Final[Lines] = (
    ("export of * annotations to S3, *", "export to S3", "parallel PUT"),
    ("SQLite: save an annotation *", "save an annotation, SQLite", "without a target"),
    (
        "PostgreSQL: save an annotation *",
        "save an annotation, PostgreSQL",
        "without a target",
        POSTGRES,
    ),
    ("save while the bucket is away, *", "save with a bucket away", "with one there"),
    ("peak memory of a stream of *", "memory of a stream", "few annotations"),
    ("export of * annotations, beside *", "export to S3", *_LS),
)

_API: Final[Lines] = (
    ("a list of * tasks, beside *", "a list of tasks", *_LS),
    ("a list of * tasks, processor time", "a list of tasks, processor time"),
    ("requests with a token: who asks", "who asks", "bare Starlette"),
    ("requests with a token: one project", "one project", "bare Starlette"),
    ("requests with a token: the types of storages", "types", "bare Starlette"),
    ("a token checked from memory, *", "a token checked", "from the database"),
)

_BACKUPS: Final[Lines] = (
    ("lightweight, * tasks", "lightweight backup", "bare dump to a zip"),
    ("lightweight, *: memory above the start", "memory of a lightweight backup"),
    ("full, * objects of 1 MiB", "full backup", "copy to one file"),
    ("full, *: memory above the start", "memory of a full backup"),
)

_RESTORES: Final[Lines] = (
    ("restore, lightweight, * tasks", "restore", "bare load"),
    ("restore, *: memory above the start", "memory of a restore"),
)

_CONSOLE: Final[Lines] = (
    ("*, SQLite", "a page, SQLite"),
    ("*, PostgreSQL", "a page, PostgreSQL", "", POSTGRES),
    ("scripts, all together", "scripts, all together"),
    ("style, all together", "style, all together"),
)

PROMISES: Final = tuple(
    Promise(bench, *line)
    for bench, lines in {
        "startup": _STARTUP,
        "providers": _PROVIDERS,
        "import": _IMPORT,
        "fairness": _FAIRNESS,
        "memory": _MEMORY,
        "media": _MEDIA,
        "export": _EXPORT,
        "api": _API,
        "backups": _BACKUPS,
        "restores": _RESTORES,
        "console": _CONSOLE,
    }.items()
    for line in lines
)
"""In the order of the table."""

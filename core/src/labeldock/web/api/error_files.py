"""The errors of a run as a file: all of them, however many, page by page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response, StreamingResponse

from labeldock.contract.errors import InvalidInput
from labeldock.services import runs
from labeldock.services.runs import RunErrorView
from labeldock.web.endpoints import Call
from labeldock.web.rendering import dump_json

_PAGE: Final = 1000
_COLUMNS: Final = ("key", "row", "code", "message", "remedy")
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def _parse_kind(value: object) -> str:
    if value not in _KINDS:
        raise InvalidInput("Not a kind of file.", remedy="Give csv or jsonl.")
    return str(value)


FileKind = Annotated[
    str,
    BeforeValidator(_parse_kind),
    WithJsonSchema({"type": "string", "enum": ["csv", "jsonl"]}),
    Field(description="All of them as a file."),
]


def stream_errors(call: Call, run_id: int, kind: FileKind) -> Response:
    """All errors of a run: `csv`, or `jsonl` for an object per line."""
    media_type, render = _KINDS[kind]
    first = _fetch(call, run_id, 0)  # before the answer begins: it may be refused
    return StreamingResponse(
        _iterate(call, run_id, first, render),
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="run-{run_id}-errors.{kind}"',
            "Cache-Control": "no-store",
        },
    )


def _fetch(call: Call, run_id: int, after: int) -> list[RunErrorView]:
    return runs.list_run_errors(
        call.app, call.principal, run_id, after=after, limit=_PAGE
    )


def _iterate(
    call: Call,
    run_id: int,
    page: list[RunErrorView],
    render: Callable[[Sequence[Mapping[str, Any]], bool], bytes],
) -> Iterator[bytes]:
    is_first = True
    while page or is_first:
        yield render([_describe(error) for error in page], is_first)
        is_first = False
        page = _fetch(call, run_id, page[-1].id) if len(page) == _PAGE else []


def _describe(error: RunErrorView) -> dict[str, Any]:
    row = error.row_index if error.row_index >= 0 else None
    return {
        "key": error.key,
        "row": row,
        "code": error.code,
        "message": error.message,
        "remedy": error.remedy,
    }


def _render_lines(errors: Sequence[Mapping[str, Any]], _: bool) -> bytes:  # noqa: FBT001  one signature for all kinds
    return b"".join(dump_json(error) + b"\n" for error in errors)


def _render_table(errors: Sequence[Mapping[str, Any]], is_first: bool) -> bytes:  # noqa: FBT001  as above
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if is_first:
        writer.writerow(_COLUMNS)
    for error in errors:
        writer.writerow([_defuse(error[name]) for name in _COLUMNS])
    return text.getvalue().encode()


def _defuse(value: Any) -> Any:  # a cell of any kind
    """Text that a spreadsheet does not take for a formula: keys are foreign."""
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return f"'{value}"
    return value


_KINDS: Final = {
    "csv": ("text/csv; charset=utf-8", _render_table),
    "jsonl": ("application/x-ndjson", _render_lines),
}

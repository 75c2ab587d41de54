"""Request bodies, read: JSON, forms and multipart forms are told apart here alone."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from labeldock.contract.errors import InvalidInput
from labeldock.db.types import load_json
from labeldock.web.context import context_of

_FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}


async def read_body(request: Request) -> Any:  # whatever JSON knows
    """The body as JSON values; an empty one is an empty object.

    Raises:
        InvalidInput: it is not what its content type says.
        HTTPException: the content type is another one (415), or the body too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _FORMS:
        return await read_form(request)
    raw = await request.body()
    if not raw.strip():
        return {}
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(415, f'Unsupported media type "{kind}" in request.')
    document = parse_json(raw)
    ensure_shallow(document, context_of(request).app.settings.request_max_depth)
    return document


def ensure_shallow(document: Any, most: int) -> None:  # as in read_body
    """Refuse what nests deeper than the operator permits, level by level.

    Raises:
        InvalidInput: it does.
    """
    level, depth = [document], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        if depth > most:
            raise InvalidInput(
                f"Lists and objects are nested more than {most} levels deep.",
                remedy="Send flatter JSON, or have LABELDOCK_REQUEST_MAX_DEPTH raised.",
            )
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
        ]


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; of a field given twice, the last one."""
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                raise InvalidInput("Files are not accepted here.", field=name)
        return {k: v for k, v in form.multi_items() if isinstance(v, str)}


def parse_json(raw: bytes | str, field: str | None = None) -> Any:  # as in read_body
    """JSON values from text.

    Raises:
        InvalidInput: it is not JSON; says where.
    """
    try:
        return load_json(raw)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(
            f"JSON parse error: {error.msg.partition(':')[0]} ({where})",
            field=field,
            remedy="Send valid JSON, encoded as UTF-8.",
        ) from None

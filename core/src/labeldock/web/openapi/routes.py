"""/api/schema and /api/docs: what the application is, made when it is first asked."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import NotFound
from labeldock.web.console.rendering import render_page
from labeldock.web.endpoints import Call, build_route
from labeldock.web.openapi.document import build_document
from labeldock.web.openapi.pages import Pages
from labeldock.web.operations import Content, Need, operation, page
from labeldock.web.rendering import dump_json

_SCHEMA: Final = {"type": "object", "description": "An OpenAPI 3.1 document."}


def list_routes() -> list[Route]:
    """The routes of this module."""
    told = SelfDescription()
    return [
        build_route("/api/schema", GET=told.get_schema),
        build_route("/api/docs", GET=told.show_index),
        build_route("/api/docs/{heading}", GET=told.show_heading),
    ]


class SelfDescription:
    """The endpoints, and the document that they share."""

    def __init__(self) -> None:
        """Wait for the first request: then all routes are there."""
        self._document: dict[str, Any] | None = None
        self._content = b""

    @operation(
        Need.LOGIN, Content({"application/json": _SCHEMA}, "The schema."), tag="service"
    )
    def get_schema(self, call: Call) -> Response:
        """This schema: every route with what it needs, takes and answers."""
        self._load(call.request)
        headers = {"Cache-Control": "no-store"}
        return Response(self._content, headers=headers, media_type="application/json")

    @page(Need.LOGIN)
    def show_index(self, call: Call) -> Response:
        """Every operation, by heading."""
        pages = Pages(self._load(call.request))
        values = {"headings": pages.list_headings()}
        return render_page(call.request, "api_index.html", values)

    @page(Need.LOGIN)
    def show_heading(self, call: Call) -> Response:
        """The operations under one heading, in full."""
        heading = call.request.path_params["heading"]
        operations = Pages(self._load(call.request)).list_operations(heading)
        if not operations:
            raise NotFound("There is no such heading.")
        values = {"heading": heading, "operations": operations}
        return render_page(call.request, "api_heading.html", values)

    def _load(self, request: Request) -> dict[str, Any]:
        # Two requests at once may both make it: it comes out the same.
        if self._document is None:
            document = build_document(request.app.routes)
            self._content = dump_json(document)
            self._document = document
        return self._document

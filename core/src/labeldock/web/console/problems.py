"""Errors as pages, for people; whoever is not logged in is sent to the login."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from labeldock.web.console.login import keep_and_ask, redirect_to_login
from labeldock.web.console.rendering import render_page
from labeldock.web.console.shell import Shell
from labeldock.web.context import context_of
from labeldock.web.middleware import API_PREFIX
from labeldock.web.problems import Answer

_HEADINGS: Final = {
    403: "Not for you",
    404: "Nothing here",
    405: "Not this way",
    500: "Something went wrong",
    503: "Not at the moment",
}


def wants_page(request: Request) -> bool:
    """Whether a person looks at the answer; below /api it is always a program."""
    if f"{request.url.path}/".startswith(API_PREFIX):
        return False
    return "text/html" in request.headers.get("accept", "")


async def render_problem(request: Request, answer: Answer) -> Response:
    """The answer to an error as a page; it asks the database nothing."""
    if answer.status == 401:
        if request.method in {"GET", "HEAD"}:
            return redirect_to_login(request)
        return await keep_and_ask(request)
    messages = [
        f"{field}: {text}" if field != "non_field_errors" else text
        for field, texts in answer.body.get("validation_errors", {}).items()
        for text in texts
    ]
    values = {
        "status": answer.status,
        "heading": _HEADINGS.get(answer.status, "This cannot be done"),
        "messages": messages or [answer.body["detail"]],
        "correlation_id": context_of(request).correlation_id,
    }
    return render_page(
        request,
        "problem.html",
        values,
        shell=Shell(),
        status=answer.status,
        headers=dict(answer.headers),
    )

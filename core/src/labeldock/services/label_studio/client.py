"""Asking a Label Studio: JSON, page by page, patiently, and with its token alone.

The address is the operator's own, given at a terminal, so the egress policy, which is
for addresses that users put into settings, does not apply. Redirects are not followed:
the token is for nobody else.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, Final, NoReturn
from urllib.parse import urlencode, urlsplit

from labeldock.contract.errors import (
    AccessDenied,
    InvalidInput,
    LabeldockError,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from labeldock.db.types import load_json

PAGE: Final = 100
_SECONDS: Final = 120
_ATTEMPTS: Final = 4
_MOST_BYTES: Final = 512 * 1024 * 1024
_DOTS_OF_A_JWT: Final = 2
_WORTH_REPEATING: Final = {429, 500, 502, 503, 504}


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere."""

    def redirect_request(self, *_: object) -> None:
        return None


class Peer:
    """A running Label Studio, as somebody with a token sees it."""

    def __init__(self, url: str, token: str, *, pause: float = 1.0) -> None:
        """Prepare to ask it; nothing is sent yet.

        Args:
            url: its address.
            token: a token of its API, or a personal access token.
            pause: seconds before a request is tried again; longer each time.

        Raises:
            InvalidInput: the address is not one of a web service.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise InvalidInput(
                "This is not the address of a Label Studio.",
                field="url",
                remedy="Give one like https://labels.example.org.",
            )
        self.url = url.rstrip("/")
        self._token, self._pause = token.strip(), pause
        self._bearer: str | None = None
        self._opener = urllib.request.build_opener(_Stay)

    def get(self, path: str, **query: object) -> Any:  # JSON
        """The answer to a request.

        Raises:
            NotFound: there is no such thing.
            Unauthenticated, AccessDenied: the token is not enough.
            Unavailable: it does not answer, tried several times.
            LabeldockError: the answer is no JSON.
        """
        if self._is_personal and self._bearer is None:
            self._bearer = self._buy_bearer()
        try:
            return self._ask(path, query)
        except Unauthenticated:
            if not self._is_personal:
                raise
            self._bearer = self._buy_bearer()  # they last some minutes
            return self._ask(path, query)

    def iterate_tasks(
        self, project: int, *, page: int
    ) -> Iterator[list[dict[str, Any]]]:
        """The tasks of a project by number, from a page on, counted from 1."""
        while True:
            found = self._get_page(project, page)
            if not found:
                return
            yield sorted(found, key=lambda task: int(task["id"]))
            if len(found) < PAGE:
                return
            page += 1

    def _get_page(self, project: int, page: int) -> list[dict[str, Any]]:
        try:
            answer = self.get(
                "/api/tasks/",
                project=project,
                page=page,
                page_size=PAGE,
                fields="all",
                resolve_uri="false",
            )
        except NotFound:  # which it answers behind the last one
            return []
        tasks: list[dict[str, Any]] = answer["tasks"]
        return tasks

    def list_projects(self) -> list[dict[str, Any]]:
        """All projects that the token may see, oldest first."""
        projects: list[dict[str, Any]] = []
        page = 1
        while True:
            answer = self.get("/api/projects/", page=page, page_size=PAGE)
            projects += answer["results"]
            if not answer.get("next") or not answer["results"]:
                return sorted(projects, key=lambda project: int(project["id"]))
            page += 1

    @property
    def _is_personal(self) -> bool:
        return self._token.count(".") == _DOTS_OF_A_JWT

    def _buy_bearer(self) -> str:
        body = json.dumps({"refresh": self._token}).encode()
        answer = self._send("/api/token/refresh/", body, {})
        return str(answer["access"])

    def _ask(self, path: str, query: dict[str, object]) -> Any:  # JSON
        word = f"Bearer {self._bearer}" if self._bearer else f"Token {self._token}"
        address = f"{path}?{urlencode(query)}" if query else path
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._send(address, None, {"Authorization": word})
            except Unavailable:
                time.sleep(self._pause * attempt)
        return self._send(address, None, {"Authorization": word})

    def _send(self, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        headers = {"Accept": "application/json", **headers}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, body, headers)  # noqa: S310  checked above
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                content = answer.read(_MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                _refuse(path, error.code)
        except (OSError, http.client.HTTPException) as error:
            kind = type(getattr(error, "reason", None) or error).__name__
            raise Unavailable(f"Label Studio does not answer ({kind}).") from None
        if len(content) > _MOST_BYTES:
            raise LabeldockError(f"The answer to {_plain(path)} is too long.")
        try:
            return load_json(content)
        except ValueError:
            raise LabeldockError(
                f"Label Studio's answer to {_plain(path)} is no JSON.",
                remedy="Check that the address leads to it, and not to a login page.",
            ) from None


def _refuse(path: str, status: int) -> NoReturn:
    where = _plain(path)
    if status == http.client.UNAUTHORIZED:
        raise Unauthenticated(
            "Label Studio does not accept the token.",
            field="token",
            remedy="Copy it again from Account & Settings; legacy tokens have to be "
            "allowed for the organisation.",
        )
    if status == http.client.FORBIDDEN:
        raise AccessDenied(f"The token may not read {where}.", field="token")
    if status == http.client.NOT_FOUND:
        raise NotFound(f"Label Studio has no {where}.")
    if status in _WORTH_REPEATING:
        raise Unavailable(f"Label Studio answers {where} with {status}.")
    raise LabeldockError(
        f"Label Studio answers {where} with {status}.",
        remedy="Check the address; redirects are not followed.",
    )


def _plain(path: str) -> str:
    return path.partition("?")[0]

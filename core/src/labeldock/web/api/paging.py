"""Pages of a list: numbered from 1, and 404 past the end, where clients stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from labeldock.contract.errors import NotFound
from labeldock.web.endpoints import Call
from labeldock.web.inputs import Query, Whole, read_query

_LARGEST_PAGE: Final = 10**9


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many items precede it."""
        return (self.number - 1) * self.size

    def check_end(self, total: int) -> None:
        """Check that the list goes as far; an empty list has a first page.

        Raises:
            NotFound: it does not.
        """
        if self.number > 1 and self.offset >= total:
            raise _past_the_end()


def _parse_page(value: object) -> int:
    text = str(value)
    if text.isascii() and text.isdecimal() and len(text) <= 10:
        number = int(text)
        if 1 <= number <= _LARGEST_PAGE:
            return number
    raise _past_the_end()


def _past_the_end() -> NotFound:
    return NotFound("Invalid page.")


PageNumber = Annotated[
    int, BeforeValidator(_parse_page), WithJsonSchema({"type": "integer", "minimum": 1})
]
"""A page that is not one is not found, which is where clients stop."""


class PageQuery(Query):
    """Which page of a list."""

    page: PageNumber = Field(default=1, description="Pages are numbered from 1.")
    page_size: Whole | None = Field(
        default=None, ge=1, description="Items on a page; at most as many as may be."
    )

    def choose(self, *, size: int, largest: int) -> Page:
        """The page; clients that want everything ask for ten million."""
        return Page(self.page, min(self.page_size or size, largest))


def read_page(call: Call, *, size: int, largest: int) -> Page:
    """The page that a request asks for, where an endpoint declares no query.

    Raises:
        NotFound: there can be no such page.
        InvalidInput: the size is not one.
    """
    return read_query(call.request, PageQuery).choose(size=size, largest=largest)


ItemT = TypeVar("ItemT")


class PageShape(TypedDict, Generic[ItemT]):
    """A page of a list, with the addresses of its neighbours."""

    count: int
    next: str | None
    previous: str | None
    results: list[ItemT]


def render_page(
    call: Call, page: Page, total: int, results: list[ItemT]
) -> PageShape[ItemT]:
    """A page with the addresses of its neighbours."""
    page.check_end(total)
    has_next = page.offset + page.size < total
    return {
        "count": total,
        "next": _address(call, page.number + 1) if has_next else None,
        "previous": _address(call, page.number - 1) if page.number > 1 else None,
        "results": results,
    }


def _address(call: Call, number: int) -> str:
    return str(call.request.url.include_query_params(page=number))

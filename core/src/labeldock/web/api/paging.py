"""Pages of a list: numbered from 1, and 404 past the end, where clients stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.web.endpoints import Call

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


def read_page(call: Call, *, size: int, largest: int) -> Page:
    """The page that a request asks for.

    Raises:
        NotFound: there can be no such page.
        InvalidInput: the size is not one.
    """
    text = call.query_text("page") or "1"
    if not text.isascii() or not text.isdecimal() or len(text) > 10:
        raise _past_the_end()
    number = int(text)
    if not 1 <= number <= _LARGEST_PAGE:
        raise _past_the_end()
    given = call.query_integer("page_size")
    if given == 0:
        remedy = f"Give a number from 1 to {largest}."
        raise InvalidInput("Not a page size.", field="page_size", remedy=remedy)
    # Clients that want everything ask for ten million: they get what may be.
    return Page(number, min(given or size, largest))


def _past_the_end() -> NotFound:
    return NotFound("Invalid page.")


def render_page(
    call: Call, page: Page, total: int, results: list[Any]
) -> dict[str, Any]:
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

"""A quick look at what is known of a page: most pages of a second sync are as known.

It asks for no more than it takes to see that, and makes no values of the rows: a third
of what it costs to load the links and to merge them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, case, not_, select

from labeldock.contract.values import ObjectInfo
from labeldock.db.tables import ImportLink
from labeldock.services.context import AppContext

_LINK: Final = ImportLink.__table__  # type: ignore[attr-defined]
_SETTLED: Final = and_(
    _LINK.c.state.in_(("linked", "empty", "kept_away")),
    _LINK.c.object_exists,
    not_(_LINK.c.object_changed),
)

Glance = list[tuple[str, str, int]]
"""Key, ETag and whether nothing is to be done about it while that ETag stays."""


def glance_at_links(
    app: AppContext, storage_id: int, bounds: tuple[str | None, str | None], limit: int
) -> Glance:
    """The links of the keys in (after, upto], in order; no more than so many."""
    after, upto = bounds
    values = {"storage": storage_id, "after": after or "", "most": limit}
    if upto is not None:
        values["upto"] = upto
    with app.database.engine.connect() as connection:
        result = connection.execute(_select(is_bounded=upto is not None), values)
        found: Any = result.cursor  # the driver's own: its rows are plain tuples
        return list(found.fetchall())


def is_as_known(objects: Sequence[ObjectInfo], links: Glance) -> bool:
    """Whether each object has one link, as it is now, and there is no other link."""
    return len(objects) == len(links) and links == [
        (key, etag, 1) for key, _, etag, _, _ in objects
    ]


@cache
def _select(*, is_bounded: bool) -> Select[Any]:
    query = (
        select(_LINK.c.key, _LINK.c.etag, case((_SETTLED, 1), else_=0))
        .where(_LINK.c.storage_id == bindparam("storage"))
        .where(_LINK.c.key > bindparam("after"))
        .order_by(_LINK.c.key)
        .limit(bindparam("most"))
    )
    return query.where(_LINK.c.key <= bindparam("upto")) if is_bounded else query

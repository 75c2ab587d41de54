"""Who the people of an archive are here: members of the organisation, by address."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select
from sqlmodel import col

from labeldock.db.accounts import OrganizationMember
from labeldock.db.tables import User


class People:
    """Looks addresses up, each once; whoever is not a member stays nameless."""

    def __init__(self, organization_id: int) -> None:
        """Know nobody yet."""
        self._organization_id = organization_id
        self._ids: dict[str, int | None] = {}

    def learn(self, connection: Connection, addresses: Iterable[str | None]) -> None:
        """Look up those that were not looked up before."""
        unknown = {a for a in addresses if a is not None} - self._ids.keys()
        if not unknown:
            return
        query = (
            select(col(User.email), col(User.id))
            .join(OrganizationMember, col(OrganizationMember.user_id) == col(User.id))
            .where(
                col(OrganizationMember.organization_id) == self._organization_id,
                func.lower(col(User.email)).in_([a.lower() for a in unknown]),
            )
        )
        found = {row[0].lower(): row[1] for row in connection.execute(query)}
        self._ids |= {address: found.get(address.lower()) for address in unknown}

    def find(self, address: str | None) -> int | None:
        """The number of somebody who was looked up."""
        return self._ids[address] if address is not None else None

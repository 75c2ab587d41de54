"""The tables of accounts: who is in which organisation, and how people come in.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, UniqueConstraint
from sqlmodel import Field, SQLModel

from labeldock.db.tables import utc_now
from labeldock.db.types import BigId, Json, UtcDateTime

_AUTO = {"sqlite_autoincrement": True}


def _id() -> Any:  # SQLModel types every Field as Any
    return Field(default=None, sa_column=Column(BigId, primary_key=True))


def _reference(
    target: str, ondelete: str, *, index: bool, optional: bool = False
) -> Any:
    key = ForeignKey(target, ondelete=ondelete)
    column = Column(BigId, key, nullable=optional, index=index)
    return Field(default=None if optional else ..., sa_column=column)


def _time(*, now: bool = False) -> Any:
    if now:
        return Field(default_factory=utc_now, sa_type=UtcDateTime, nullable=False)
    return Field(default=None, sa_type=UtcDateTime, nullable=True)


def _json() -> Any:
    return Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class Organization(SQLModel, table=True):
    """A team: it owns projects, and has members."""

    __tablename__ = "organization"
    __table_args__ = _AUTO

    id: int = _id()
    title: str
    # Without a foreign key: users and organisations refer to each other.
    created_by_id: int | None = Field(
        default=None, sa_column=Column(BigId, nullable=True)
    )
    created_at: datetime = _time(now=True)
    updated_at: datetime = _time(now=True)


class OrganizationMember(SQLModel, table=True):
    """The role of a user in an organisation: administrator, member or guest."""

    __tablename__ = "organization_member"

    organization_id: int = Field(
        sa_column=Column(
            BigId, ForeignKey("organization.id", ondelete="CASCADE"), primary_key=True
        )
    )
    user_id: int = Field(
        sa_column=Column(
            BigId,
            ForeignKey("user_account.id", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        )
    )
    role: str
    created_at: datetime = _time(now=True)


class OneTimeLink(SQLModel, table=True):
    """A link that logs a user in, or lets them set a password; only its hash is kept.

    `purpose` is `setup` (address, name and password), `password` or `login`.
    """

    __tablename__ = "one_time_link"
    __table_args__ = (UniqueConstraint("token_hash"), _AUTO)

    id: int = _id()
    user_id: int = _reference("user_account.id", "CASCADE", index=True)
    token_hash: str
    purpose: str
    created_by_id: int | None = _reference(
        "user_account.id", "SET NULL", index=False, optional=True
    )
    created_at: datetime = _time(now=True)
    expires_at: datetime = Field(sa_type=UtcDateTime, nullable=False)
    used_at: datetime | None = _time()


class Invitation(SQLModel, table=True):
    """A link into an organisation, bound to an address or open; only its hash is kept.

    `projects` are the roles that it gives, by the projects' numbers; a `uses_limit` of
    None is without one.
    """

    __tablename__ = "invitation"
    __table_args__ = (UniqueConstraint("token_hash"), _AUTO)

    id: int = _id()
    organization_id: int = _reference("organization.id", "CASCADE", index=True)
    token_hash: str
    email: str | None = None
    role: str
    projects: dict[str, str] = _json()
    uses: int = 0
    uses_limit: int | None = None
    created_by_id: int | None = _reference(
        "user_account.id", "SET NULL", index=False, optional=True
    )
    created_at: datetime = _time(now=True)
    expires_at: datetime = Field(sa_type=UtcDateTime, nullable=False)
    revoked_at: datetime | None = _time()


class Identity(SQLModel, table=True):
    """A user as an OpenID provider knows them."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"), _AUTO)

    id: int = _id()
    user_id: int = _reference("user_account.id", "CASCADE", index=True)
    issuer: str
    subject: str
    email: str = ""
    created_at: datetime = _time(now=True)
    last_used_at: datetime | None = _time()


class LoginLimit(SQLModel, table=True):
    """How many logins failed lately, for an account or an address, by its hash."""

    __tablename__ = "login_limit"

    name: str = Field(primary_key=True)
    failures: int = 0
    ends_at: datetime = Field(sa_type=UtcDateTime, nullable=False, index=True)

"""The tables of accounts: who is in which organisation, and how people come in.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from labeldock.db.columns import (
    AUTO,
    json_object,
    key_reference,
    reference,
    row_id,
    time,
    time_of_writing,
)
from labeldock.db.types import BigId, UtcDateTime


class Organization(SQLModel, table=True):
    """A team: it owns projects, and has members."""

    __tablename__ = "organization"
    __table_args__ = AUTO

    id: int = row_id()
    title: str
    # Without a foreign key: users and organisations refer to each other.
    created_by_id: int | None = Field(
        default=None, sa_column=Column(BigId, nullable=True)
    )
    created_at: datetime = time_of_writing()
    updated_at: datetime = time_of_writing()


class OrganizationMember(SQLModel, table=True):
    """The role of a user in an organisation: administrator, member or guest."""

    __tablename__ = "organization_member"

    organization_id: int = key_reference("organization.id")
    user_id: int = key_reference("user_account.id", index=True)
    role: str
    created_at: datetime = time_of_writing()


class OneTimeLink(SQLModel, table=True):
    """A link that logs a user in, or lets them set a password; only its hash is kept.

    `purpose` is `setup` (address, name and password), `password` or `login`.
    """

    __tablename__ = "one_time_link"
    __table_args__ = (UniqueConstraint("token_hash"), AUTO)

    id: int = row_id()
    user_id: int = reference("user_account.id", "CASCADE", index=True)
    token_hash: str
    purpose: str
    created_by_id: int | None = reference("user_account.id", "SET NULL", optional=True)
    created_at: datetime = time_of_writing()
    expires_at: datetime = Field(sa_type=UtcDateTime, nullable=False)
    used_at: datetime | None = time()


class Invitation(SQLModel, table=True):
    """A link into an organisation, bound to an address or open; only its hash is kept.

    `projects` are the roles that it gives, by the projects' numbers; a `uses_limit` of
    None is without one.
    """

    __tablename__ = "invitation"
    __table_args__ = (UniqueConstraint("token_hash"), AUTO)

    id: int = row_id()
    organization_id: int = reference("organization.id", "CASCADE", index=True)
    token_hash: str
    email: str | None = None
    role: str
    projects: dict[str, str] = json_object()
    uses: int = 0
    uses_limit: int | None = None
    created_by_id: int | None = reference("user_account.id", "SET NULL", optional=True)
    created_at: datetime = time_of_writing()
    expires_at: datetime = Field(sa_type=UtcDateTime, nullable=False)
    revoked_at: datetime | None = time()


class Identity(SQLModel, table=True):
    """A user as an OpenID provider knows them."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"), AUTO)

    id: int = row_id()
    user_id: int = reference("user_account.id", "CASCADE", index=True)
    issuer: str
    subject: str
    email: str = ""
    created_at: datetime = time_of_writing()
    last_used_at: datetime | None = time()


class LoginLimit(SQLModel, table=True):
    """How many logins failed lately, for an account or an address, by its hash."""

    __tablename__ = "login_limit"

    name: str = Field(primary_key=True)
    failures: int = 0
    ends_at: datetime = Field(sa_type=UtcDateTime, nullable=False, index=True)

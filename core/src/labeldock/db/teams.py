"""The tables of what teams may use, and of how much of the workers' time they had.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from sqlalchemy import Column, Float
from sqlmodel import Field, SQLModel

from labeldock.db.columns import key_reference
from labeldock.db.types import BigId


class TeamLimit(SQLModel, table=True):
    """What an administrator of the installation allows a team, other than by default.

    `name` is one of `services.quotas.limits.Limit`; a `value` of 0 is no limit.
    """

    __tablename__ = "team_limit"

    organization_id: int = key_reference("organization.id")
    name: str = Field(primary_key=True)
    value: int = Field(sa_column=Column(BigId, nullable=False))


class TeamTurn(SQLModel, table=True):
    """How many seconds workers have spent on a team's work.

    Only differences count: a team that was away is not given what it did not use, see
    `services.turns`. The number 0 is for runs that belong to no team.
    """

    __tablename__ = "team_turn"

    # Without a foreign key: it is written at the end of every slice, and a key would
    # lock the team's row, which those who count against a limit wait for.
    organization_id: int = Field(
        sa_column=Column(BigId, primary_key=True, autoincrement=False)
    )
    used: float = Field(sa_column=Column(Float(53), nullable=False, index=True))

"""The settings of what a team may use where no administrator said otherwise."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class TeamSettings(BaseSettings):
    """Limits of every team; each can be another one for a single team. 0: no limit."""

    team_max_projects: int = Field(
        default=0, ge=0, description="Most projects of a team; 0: no limit."
    )
    team_max_storages: int = Field(
        default=0,
        ge=0,
        description="Most storages, of both directions, of a team; 0: no limit.",
    )
    team_max_tasks: int = Field(
        default=0,
        ge=0,
        description="Most tasks of a team, in all of its projects; 0: no limit.",
    )
    team_max_members: int = Field(
        default=0, ge=0, description="Most members of a team; 0: no limit."
    )
    team_max_bytes: int = Field(
        default=0,
        ge=0,
        description="Most bytes of a team's uploads, archives and restored media in "
        "the persistent storage; 0: no limit.",
    )
    team_max_runs: int = Field(
        default=0,
        ge=0,
        description="Most threads of workers that do a team's runs at a time; 0: no "
        "limit.",
    )
    turn_seconds: float = Field(
        default=2.0,
        gt=0,
        description="How long a worker stays with a run at least while another team "
        "waits.",
    )

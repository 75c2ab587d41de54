"""What the operator says about logs and traces; a part of `labeldock.settings`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class WatchSettings(BaseSettings):
    """How the service tells what it does, beside its metrics."""

    log_level: str = Field(default="INFO", description="Least level that is logged.")
    log_format: str = Field(
        default="auto", description="`console`, `json`, or `auto` for a terminal check."
    )
    traces: bool = Field(
        default=False,
        description="Send traces to an OpenTelemetry collector, which the OTEL_* "
        "variables of the environment name. Needs `labeldock[traces]`.",
    )

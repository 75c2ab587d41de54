"""The contract's conditions as arguments of the SDK."""

from __future__ import annotations

from typing import Any

from labeldock.contract import Condition


def build_match(etag: str | None) -> dict[str, Any]:
    """Only if the blob has this ETag; no condition for None."""
    if etag is None:
        return {}
    from azure.core import MatchConditions  # noqa: PLC0415  the SDK, on first use

    return {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}


def build_condition(condition: Condition) -> dict[str, Any]:
    """The arguments for a condition of a write or a deletion."""
    if not condition.absent:
        return build_match(condition.etag)
    from azure.core import MatchConditions  # noqa: PLC0415  the SDK, on first use

    return {"match_condition": MatchConditions.IfMissing}

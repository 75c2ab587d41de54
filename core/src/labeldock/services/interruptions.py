"""What interrupted a run lately, kept on its row for people to read.

Progress clears a run's problem and its attempts; that three workers were lost on the
way is worth knowing all the same.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection
from sqlmodel import col, select, update

from labeldock.contract.errors import LabeldockError, StorageError
from labeldock.db.columns import utc_now
from labeldock.db.tables import Run
from labeldock.db.types import escape_text
from labeldock.telemetry import find_correlation_id

KEPT: Final = 20
"""The newest are kept, so that a run that is interrupted for ever stays small."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """Why somebody's work on a run ended before its time.

    Attributes:
        code: `worker_lost`, `handed_back`, or the code of the error.
        message: what happened.
        owner: the worker that had the run.
        attempts: how many attempts in a row have come to nothing.
    """

    code: str
    message: str
    owner: str
    attempts: int


def add_interruption(
    known: list[dict[str, Any]], interruption: Interruption
) -> list[dict[str, Any]]:
    """The list with one more, by this machine's clock, without the oldest."""
    entry = {"at": utc_now().isoformat(timespec="seconds"), **asdict(interruption)}
    return [*known, entry][-KEPT:]


def note_interruption(
    connection: Connection, run_id: int, interruption: Interruption
) -> None:
    """Keep an interruption of a run, if it is still there; locks its row."""
    query = select(col(Run.interruptions)).where(col(Run.id) == run_id)
    found = connection.execute(query.with_for_update()).first()
    if found is None:  # it went with its storage
        return
    connection.execute(
        update(Run)
        .where(col(Run.id) == run_id)
        .values(interruptions=add_interruption(found[0], interruption))
    )


def describe_loss(run: Run, *, is_last: bool) -> dict[str, Any]:
    """What people read of a lost worker: killed perhaps, or its machine is gone."""
    last_sign = f"the last sign of life was at {run.last_ping_at:%Y-%m-%d %H:%M:%S} UTC"
    after = run.checkpoint.get("after")
    problem = {"code": "worker_lost", "key": str(after) if after else None}
    if is_last:
        return {
            **problem,
            "message": f"The worker was lost {run.attempts} times at the same place; "
            f"{last_sign}.",
            "remedy": "Look at the workers' memory and logs, and at the objects that "
            "follow this key; then retry the run.",
        }
    return {
        **problem,
        "message": f"The worker {run.lease_owner} was lost; {last_sign}. The run is "
        "queued again, to go on from its checkpoint.",
        "remedy": "Nothing, unless it happens again: then look at the workers' memory.",
    }


def describe_problem(error: LabeldockError) -> dict[str, Any]:
    """What a run keeps of the error that ended it; no frames, no secrets."""
    problem = {
        "code": error.code,
        "message": error.message,
        "field": error.field,
        "key": error.key if isinstance(error, StorageError) else None,
        "remedy": error.remedy,
        "correlation_id": find_correlation_id() or None,
    }
    return {name: text and escape_text(text) for name, text in problem.items()}

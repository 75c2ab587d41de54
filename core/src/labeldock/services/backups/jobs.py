"""What a backup's run is to do, as it stands in the options of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from labeldock.services.backups.kinds import read_lightweight
from labeldock.services.backups.scope import Chosen

Location = Literal["local", "cloud_storage"]


@dataclass(frozen=True, slots=True)
class BackupJob:
    """One backup: of what, of which kind, and where the archive goes.

    Attributes:
        chosen: the tasks.
        lightweight: leave media where they are.
        filename: what the archive is called, or its key in the bucket without the
            storage's prefix.
        storage_id: the export storage that it goes to, None for persistent storage.
    """

    chosen: Chosen
    lightweight: bool
    filename: str
    storage_id: int | None = None
    is_scheduled: bool = False

    def dump(self) -> dict[str, Any]:
        """The options of its run."""
        return {
            "lightweight": self.lightweight,
            "scope": self.chosen.scope,
            "task_ids": None
            if self.chosen.task_ids is None
            else list(self.chosen.task_ids),
            "filename": self.filename,
            "storage_id": self.storage_id,
            "is_scheduled": self.is_scheduled,
        }


def read_job(project_id: int, run_id: int, options: Mapping[str, Any]) -> BackupJob:
    """The job of a run; what an older version did not write means what it did then.

    Raises:
        InvalidInput: `lightweight` is no truth value.
    """
    return BackupJob(
        chosen=Chosen(
            project_id, options.get("task_ids"), options.get("scope", "project")
        ),
        lightweight=read_lightweight(options.get("lightweight")),
        filename=options.get("filename") or f"backup-{run_id}.zip",
        storage_id=options.get("storage_id"),
        is_scheduled=bool(options.get("is_scheduled", False)),
    )

"""What has to be tidied up after backups, now and then, by every worker."""

from __future__ import annotations

from labeldock.services.backups.retention import sweep_requests
from labeldock.services.backups.workplaces import sweep_workplaces
from labeldock.services.context import AppContext
from labeldock.services.persistent.files import sweep_files
from labeldock.services.restoring.project import sweep_restores


def tidy_up(app: AppContext) -> int:
    """Remove archives whose time is over, and what killed workers left; how much."""
    removed = sweep_restores(app)  # first, so that their files are seen to be left
    return removed + sweep_requests(app) + sweep_files(app) + sweep_workplaces(app)

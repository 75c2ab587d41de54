"""When a storage is synced by itself: cron expressions and intervals, in UTC.

0 6 * * MON-FRI        a cron expression of five fields: at 06:00 on weekdays
@daily                 one of the short names of cron
every 15 minutes       an interval, from the last time that was due
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cronsim import CronSim, CronSimError

SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=366)
_NAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_INTERVAL: Final = re.compile(
    r"every\s+(?:([0-9]{1,6})\s*)?(m|min|minutes?|h|hours?|d|days?)", re.IGNORECASE
)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_EXAMPLES: Final = 'Give "every 15 minutes", "@daily" or a cron expression in UTC.'


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that was understood: a cron expression, or else an interval."""

    cron: str = ""
    interval: timedelta = SHORTEST

    def find_next(self, now: datetime, last: datetime | None = None) -> datetime:
        """The first time after `now`; `last` is the one that was due before.

        Times that were missed are not made up for: the next one lies ahead.

        Raises:
            ValueError: there is no such time.
        """
        if self.cron:
            try:
                return next(CronSim(self.cron, now))
            except StopIteration:
                raise ValueError("such a time never comes") from None
        if last is not None and last <= now < last + self.interval:
            return last + self.interval  # it keeps its beat while nothing is missed
        return now + self.interval


def parse_schedule(text: str) -> Schedule:
    """Understand a schedule.

    Raises:
        ValueError: it is none; says what would be.
    """
    words = " ".join(text.split())
    found = _INTERVAL.fullmatch(words)
    if found:
        return Schedule(interval=_measure(int(found[1] or 1), found[2]))
    cron = _NAMES.get(words.lower(), words)
    if len(cron.split(" ")) != 5:
        raise ValueError(f"not a schedule. {_EXAMPLES}")
    try:
        CronSim(cron, datetime(2024, 1, 1))  # noqa: DTZ001  any time
    except CronSimError as error:
        reason = str(error).lower()
        raise ValueError(f"not a cron expression: {reason}. {_EXAMPLES}") from None
    return Schedule(cron)


def _measure(number: int, unit: str) -> timedelta:
    interval = timedelta(**{_UNITS[unit[0].lower()]: number})
    if SHORTEST <= interval <= LONGEST:
        return interval
    raise ValueError("an interval is a minute at least, and a year at most")

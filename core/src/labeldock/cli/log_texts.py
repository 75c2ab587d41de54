"""What the events of the log mean, for their reference page.

A test holds them to the events that there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HEAD: Final = """\
# The log

<!-- Made by: python -m labeldock.cli.log_reference > docs/reference/log.md -->

Each process writes its log to standard error, one line for each event: as JSON with \
`LABELDOCK_LOG_FORMAT=json` or where standard error is no terminal, else for people.
`LABELDOCK_LOG_LEVEL` is the least level that is written.
How to find what belongs together: [Watch a service](../how-to/watch-a-service.md).

## Fields of every line

| field | what it is |
|---|---|
{fields}
Beside them stand the fields of the event, below.
Values whose name says that they are secret are `<hidden>`, and so are signatures, \
passwords and keys within texts and tracebacks.

## Events

| event | level | fields | what it says |
|---|---|---|---|
{events}
## Lines of libraries

{others}
"""

FIELDS: Final[Mapping[str, str]] = {
    "timestamp": "When, in UTC, by the clock of the machine.",
    "level": "`debug`, `info`, `warning`, `error` or `critical`.",
    "logger": "The module that wrote it.",
    "event": "What happened: a name of the table below, or a library's text.",
    "correlation_id": "What it belongs to: a request and the work that it asked for, "
    "or a run. Answers show it as `X-Correlation-Id`.",
    "run_id, storage_id": "While a run or a delivery is worked on: which.",
    "trace_id, span_id": "Where in a trace it was written, while traces are on.",
    "exception": "A traceback, where there is one.",
}

OTHERS: Final = """\
uvicorn, Dramatiq, Alembic, the plug-in host and Python's own warnings write through \
the same log, at WARNING and above; their text is the `event`.
What ends a thread or the process unexpectedly is `thread_crashed` or `process_crashed`.
The clouds' libraries are held at INFO and above, also at `LABELDOCK_LOG_LEVEL=DEBUG`: \
what they say below it are signed URLs, headers and the bodies of requests.
What a provider was asked is told by `provider_called` instead."""

MORE: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "metrics_served": ("info", ("address",)),
    "process_crashed": ("critical", ("exception",)),
    "service_started": ("info", ("address",)),
    "thread_crashed": ("critical", ("thread", "exception")),
    "worker_started": ("info", ()),
}
"""Events that are written by other means than a module's own log: level and fields."""

EVENTS: Final[Mapping[str, str]] = {
    "archive_not_removed": "The archive of a backup could not be removed; it is tried "
    "again.",
    "backup_due": "A backup that was planned has been asked for.",
    "backup_not_asked_for": "A backup that was planned could not be asked for.",
    "broker_unreachable": "Redis took no message. The work is found by the workers' "
    "poll, a little later.",
    "courier_failed": "Looking for webhooks that are due failed; it is done again in "
    "a moment.",
    "database_unavailable": "A request was answered with 503, since the database was "
    "away.",
    "delivery_failed": "An annotation could not be brought to its bucket.",
    "delivery_lease_lost": "A delivery took so long that another worker took it over; "
    "the key is delivered again.",
    "file_not_removed": "A file of the persistent storage could not be removed; it is "
    "tried again.",
    "heartbeat_missed": "A run's lease could not be renewed; it is tried again.",
    "inbox_left": "What notifications have named could not be looked at beside a "
    "sync; it is after it.",
    "inbox_look_given_up": "Somebody else was quicker with what notifications have "
    "named.",
    "lease_lost": "The slice of a run ended, since the run is in other hands or "
    "cancelled.",
    "listing_repeated": "A provider listed keys that it had listed before.",
    "media_journal_waits": "Who was served which media could not be written down; it "
    "is tried again.",
    "media_not_connected": "Media was asked for whose storage is not connected.",
    "media_not_served": "Media was asked for, and its storage failed.",
    "media_observers_too_slow": "A plug-in that is told of media does not keep up, "
    "and was not told of this one.",
    "media_stream_broken_off": "A stream of media ended before its end.",
    "metrics_served": "A worker shows its metrics at this address.",
    "object_kept": "An object in the bucket is not ours, and was left as it is.",
    "openid_failed": "Somebody could not log in by OpenID, since the provider failed.",
    "part_lost": "The worker of a part of a run gave no sign of life; another takes "
    "it.",
    "plugin_failed": "A plug-in is at fault, and a request was answered with that.",
    "poll_failed": "Looking for due work failed; it is done again in a moment.",
    "process_crashed": "A process ended by a fault of Labeldock.",
    "provider_call_failed": "A provider was asked, and failed. The same failure for "
    "the same request or run is told of every half minute; `hushed` says how many "
    "were not.",
    "provider_called": "A provider was asked. `outcome` is `ok` or the code of an "
    "error.",
    "rate_limits_apart": "Redis is away, so each web process counts requests by "
    "itself.",
    "request_answered": "A request was answered.",
    "request_failed": "A request was answered with 500: a fault of Labeldock.",
    "restore_removed": "What a restore had made that came to nothing was removed.",
    "run_crashed": "The slice of a run ended by a fault of Labeldock.",
    "run_ended": "A run came to an end: how, and what it counted.",
    "run_interrupted": "The slice of a run ended by an error. It is taken up again if "
    "that may pass.",
    "run_left_to_the_reaper": "The database was away for so long that a run's failure "
    "was not noted; its lease runs out.",
    "run_lost": "The worker of a run gave no sign of life; another takes it up.",
    "run_stalled": "Nothing moved in a run for `LABELDOCK_STALL_LIMIT`, so its lease "
    "is not renewed any more.",
    "run_started": "A worker began with a run.",
    "runs_forgotten": "Old runs were removed.",
    "schedule_fired": "A storage's schedule asked for a sync.",
    "schedule_not_understood": "A storage's schedule cannot be read, so it never "
    "fires.",
    "secrets_encrypted_again": "Secrets were encrypted with the newest key.",
    "service_started": "The web service listens at this address.",
    "sign_not_withdrawn": "A worker that stopped could not say so; it is forgotten "
    "after a day.",
    "slot_detached": "A storage was taken away from tasks.",
    "storage_attached": "A storage took the place of another one.",
    "storage_changed": "A storage was added, changed or removed.",
    "stored_secret_unreadable": "No present key opens a stored secret.",
    "thread_crashed": "A thread ended by a fault of Labeldock.",
    "thumbnail_not_kept": "A thumbnail could not be written into the home folder.",
    "transaction_repeated": "A transaction was in another one's way, and done again.",
    "turn_not_noted": "How much a team has used was not noted.",
    "webhook_crashed": "Sending a webhook ended by a fault of Labeldock.",
    "webhook_failed": "A webhook could not be sent.",
    "worker_started": "A worker takes work.",
    "workplace_removed": "A folder that a backup or restore had left was removed.",
}

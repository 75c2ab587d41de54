"""What to do about each kind of error, for its reference page.

An error that is raised carries a remedy of its own where there is a better one; these
are for who looks a code up. A test holds them to the codes that there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_FIX_FILE: Final = "Correct the file; it is read again once it has changed."
_REPORT: Final = "Report it, with what the log says under the correlation id."
_NOTHING: Final = "Nothing: it is seen to by itself."

STATUSES_OF_REQUESTS: Final = (
    (400, "the request is wrong, or a storage refused it; the text names fields", "no"),
    (401, "no valid login or token came with it", "with one"),
    (403, "whoever asks may not do this, or their token was not made for it", "no"),
    (404, "it does not exist, or is another team's", "no"),
    (405, "the address does not know this method", "no"),
    (409, "the present state forbids it", "once that has changed"),
    (412, "a condition of the request does not hold", "with another condition"),
    (413, "the body, or the object, is too large; `LABELDOCK_REQUEST_MAX_BYTES`", "no"),
    (415, "the type of the body is none that this address reads", "no"),
    (416, "the object has no byte in the range", "with another range"),
    (424, "a storage or a plug-in did not do its part", "later, perhaps"),
    (429, "too many requests, or too many failed logins", "after `Retry-After`"),
    (500, "a fault of Labeldock; the correlation id finds it in the log", "no"),
    (503, "the database is away, or all streams are taken", "after `Retry-After`"),
)
"""Status, what it says, whether asking again can help."""

REMEDIES: Final[Mapping[str, str]] = {
    "configuration_error": "Correct the setting that the text names, and restart; "
    "`labeldock doctor` checks all of them.",
    "bad_request": "Change the request as the text says.",
    "invalid_input": "Correct the fields that are named.",
    "invalid_archive": "Make the backup again, or fetch it again; `labeldock verify` "
    "looks at all of it.",
    "not_authenticated": "Send [a token](../how-to/use-tokens.md), or log in.",
    "permission_denied": "Ask an owner of the project, or an administrator of the "
    "team, for the role, or make a token with the scope.",
    "quota_exceeded": "Remove something, or ask the operator for more room.",
    "not_found": "Look at the number; lists show what is there for you.",
    "conflict": "Wait for what is going on, or end it, and ask again.",
    "storage_not_connected": "[Attach a storage]"
    "(../how-to/restore-and-attach.md#after-a-lightweight-backup).",
    "already_requested": "Ask for the state of the request that is named.",
    "plugin_error": "`labeldock plugins` says more; its author can help.",
    "plugin_load_error": "`labeldock plugins` gives the reason; mend the installation, "
    "or block it with `LABELDOCK_PROVIDERS_BLOCK`.",
    "provider_clash": "Uninstall one of the two distributions.",
    "incompatible_contract": "Install versions of the plug-in and of Labeldock that "
    "belong together.",
    "unknown_provider": "Install its distribution; `labeldock plugins` lists what is "
    "there.",
    "provider_unavailable": "`labeldock plugins` gives the reason.",
    "contract_violation": "Tell the author of the provider, who can find it with the "
    "[conformance kit](../provider-authors/conformance.md).",
    "provider_crash": "The log has the cause under the correlation id; tell the author "
    "of the provider.",
    "storage_error": "The text says what the storage answered.",
    "object_not_found": "Put the object back, or remove the task.",
    "container_not_found": "Look at the name of the bucket and at its region or "
    "endpoint.",
    "storage_unauthenticated": "Enter the credentials again; some expire.",
    "storage_access_denied": "Give the credentials the permission; the pages about "
    "connecting a storage list those needed.",
    "egress_refused": "The operator may permit the host: "
    "[outgoing requests](../how-to/limit-outgoing-requests.md).",
    "precondition_failed": "Read the object anew; somebody has changed it.",
    "invalid_key": "Choose other names: a key template, or the object's own name.",
    "invalid_range": "Ask for a range within the size that the answer names.",
    "cursor_expired": _NOTHING,
    "too_large": "Make it smaller, or take another storage.",
    "no_space": "Make room on the disk of the persistent files.",
    "integrity_error": "Try again; if it stays, the object itself is damaged.",
    "not_supported": "The page of the [providers](providers.md) says what each can do.",
    "storage_transient": "Wait; if it stays, look at the storage.",
    "storage_rate_limited": "Wait; let fewer workers at it if it happens often.",
    "storage_unavailable": "Wait; if it stays, look at the network and the storage.",
    "inbox_full": "Wait; more workers empty the inbox faster.",
    "storage_timeout": "Wait; if it stays, look at the network and the storage.",
    "unusable_file": _FIX_FILE,
    "unsupported_format": "Give it a name that ends as [task formats](task-formats.md) "
    "say, or leave it out with a pattern.",
    "not_a_task_file": "Leave it out with a pattern, or import objects as they are "
    "(`use_blob_urls`).",
    "empty_file": "Write tasks into it, or remove it.",
    "not_utf8": "Save it as UTF-8.",
    "broken_json": _FIX_FILE,
    "broken_csv": _FIX_FILE,
    "broken_parquet": _FIX_FILE,
    "broken_gzip": "Pack it again; it ends too early, perhaps.",
    "bad_row": "Correct the row that is named.",
    "nested_too_deep": "Flatten it, or raise `LABELDOCK_TASK_FILE_MAX_DEPTH`.",
    "task_too_long": "Shorten it, or raise `LABELDOCK_TASK_MAX_LENGTH`.",
    "too_many_rows": "Split it, or raise `LABELDOCK_TASK_FILE_MAX_ROWS`.",
    "file_too_large": "Split it, or raise `LABELDOCK_TASK_FILE_MAX_BYTES`.",
    "packed_too_tightly": "Split it, or raise `LABELDOCK_TASK_FILE_MAX_RATIO`.",
    "extra_missing": "Install the extra that is named.",
    "lease_lost": _NOTHING,
    "part_taken": _NOTHING,
    "unusable_listing": "Tell whoever runs the server; raise "
    "`LABELDOCK_LISTING_MAX_OBJECTS` if there are so many objects.",
    "internal_error": _REPORT,
    "database_unavailable": "See to the database; runs go on by themselves.",
}
"""By code."""

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "completed": ("Everything went well.", "Nothing."),
    "completed_with_errors": (
        "It went through, but not for every object: each has an entry with its code.",
        "See the errors of the run; `storage sync --retry-failed` reads files again.",
    ),
    "failed": (
        "It could not go on, or this was the last attempt; `problem` has the code.",
        "See to the cause, and retry the run: it goes on from its checkpoint.",
    ),
    "cancelled": ("Somebody stopped it.", "Sync again when it is wanted."),
    "lost": (
        "Its worker gave no sign of life (`worker_lost`); it waits for another one.",
        "See that there is a worker.",
    ),
}
"""Why a run is in a state that somebody asks about; and what to do."""

FURTHER: Final[Mapping[str, tuple[str, str, str]]] = {
    "worker_lost": (
        "runs",
        "The worker of a run gave no sign of life for as long as its lease lasts.",
        "If it happens again there: look at the memory of workers, and at the object.",
    ),
    "handed_back": (
        "interruptions of runs",
        "A worker that was stopped gave the run back after a page.",
        _NOTHING,
    ),
    "interrupted": (
        "`labeldock import label-studio`",
        "Not all of a project has been brought over yet.",
        "Run the same command again; it goes on where it was.",
    ),
    "no_counterpart": (
        "restores, moves",
        "Something of another system has no counterpart here, and was left out.",
        "Nothing, if it is not needed; its source still holds it.",
    ),
    "object_missing": (
        "checks of an attached storage",
        "A task refers to an object that is not in the bucket.",
        "Put it there, or attach the right storage.",
    ),
    "object_changed": (
        "checks of an attached storage, deliveries",
        "It has another size or ETag than it had; a delivery leaves such a one alone.",
        "Look whether it is the right one; remove it by hand if it is not needed.",
    ),
    "object_unreadable": (
        "checks of an attached storage",
        "The object is there and cannot be read.",
        "Give the credentials the permission to read it.",
    ),
    "key_too_long": (
        "imports",
        "The object's name is longer than names may be.",
        "Shorten it, or leave it out with a pattern.",
    ),
    "unreadable_name": (
        "imports",
        "The object's name is not UTF-8, or has U+0000 in it.",
        "Rename it.",
    ),
    "rows_missing": (
        "imports",
        "A file has changed, and rows that have tasks are not in it any more.",
        "Put the rows back, or delete the tasks of the file and sync again.",
    ),
    "listing_repeated": (
        "imports",
        "The server listed keys again that it had listed before; none came in twice.",
        "Ask whoever runs the server if it stays so.",
    ),
    "error": (
        "commands",
        "Something failed that has no kind of its own.",
        _REPORT,
    ),
    "busy": (
        "media (503)",
        "As many streams are open as `LABELDOCK_MEDIA_STREAMS` says.",
        "Come again after `Retry-After`; let more web processes run.",
    ),
    "invalid": (
        "problems of a field",
        "The value is wrong in some way that the message says.",
        "Correct the field.",
    ),
    "missing": (
        "problems of a field",
        "The field is needed and was left out.",
        "Add it.",
    ),
    "length": (
        "problems of a field",
        "The text is too short or too long.",
        "Correct the field.",
    ),
}
"""Code -> where it is met, what it says, what to do."""

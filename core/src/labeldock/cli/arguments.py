"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsUser = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="EMAIL",
        help="Act as this user; otherwise as the oldest administrator.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
ProjectId = Annotated[
    int, typer.Option("--project", "-p", metavar="ID", help="Number of the project.")
]
AnyProjectId = Annotated[
    int | None,
    typer.Option(
        "--project", "-p", metavar="ID", help="Only this project; otherwise all."
    ),
]
StorageId = Annotated[
    int, typer.Argument(metavar="STORAGE", help="Number of the storage.")
]
RunId = Annotated[int, typer.Argument(metavar="RUN", help="Number of the run.")]
Waits = Annotated[
    bool,
    typer.Option(
        "--wait/--no-wait",
        help="Do the work in this terminal, or leave it to a worker.",
    ),
]

RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Read task files again that gave no task and have not changed since.",
    ),
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Import: report what a sync would do, and import nothing."
    ),
]

OnlyNew = Annotated[
    bool | None,
    typer.Option(
        "--only-new/--everything",
        help="Export: write what is new or changed, or everything again; otherwise as "
        "the storage says.",
    ),
]

# The settings of every storage, whatever its provider. None: not given.

Title = Annotated[
    str | None, typer.Option("--title", metavar="TEXT", help="Name shown to people.")
]
Description = Annotated[
    str | None, typer.Option("--description", metavar="TEXT", help="Free text.")
]
Prefix = Annotated[
    str | None,
    typer.Option("--prefix", metavar="KEY", help="Only objects below this folder."),
]
LiteralPrefix = Annotated[
    bool | None,
    typer.Option(
        "--literal-prefix/--folder-prefix",
        help="Take the prefix as raw text, or as a folder (the default).",
    ),
]
Recursive = Annotated[
    bool | None,
    typer.Option("--recursive/--flat", help="Include sub-folders, or not (default)."),
]
Regex = Annotated[
    str | None,
    typer.Option(
        "--regex",
        metavar="RE2",
        help="Only keys that begin with a match of this pattern.",
    ),
]
Blob = Annotated[
    bool | None,
    typer.Option(
        "--blob/--tasks",
        help="One task per object, or objects are JSON files of tasks (the default).",
    ),
]
OnChange = Annotated[
    str | None,
    typer.Option(
        "--on-change",
        metavar="POLICY",
        help="Objects that changed after their import: report (the default) counts "
        "them, update gives their tasks the new contents, flag marks their tasks.",
    ),
]
Presign = Annotated[
    bool | None,
    typer.Option(
        "--presign/--no-presign",
        help="Send browsers to a signed URL (the default), or stream the media.",
    ),
]
PresignTtl = Annotated[
    int | None,
    typer.Option(
        "--presign-ttl", metavar="MINUTES", help="How long a signed URL is valid."
    ),
]
Synchronizable = Annotated[
    bool | None,
    typer.Option(
        "--synchronizable/--not-synchronizable",
        help="Whether the storage may be synced by hand; it may by default.",
    ),
]
Schedule = Annotated[
    str | None,
    typer.Option(
        "--schedule",
        metavar="TEXT",
        help='When it is synced by itself: "every 15 minutes", @daily, or a cron '
        "expression in UTC; empty for never.",
    ),
]
CanDelete = Annotated[
    bool | None,
    typer.Option(
        "--can-delete/--never-delete",
        help="Export: remove an object when its annotation is deleted, or keep it.",
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A setting by its name; may be repeated. VALUE may be @env:VARIABLE, "
        "@FILE or @- (standard input), so that a secret is not on the command line.",
    ),
]

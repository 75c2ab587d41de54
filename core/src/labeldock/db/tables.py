"""The tables. Rows stay inside the services; only plain values leave them.

Identifiers are never used again (AUTOINCREMENT on SQLite), since links, logs and
buckets remember them. Names of constraints are given, so that migrations can find them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    false,
    text,
)
from sqlmodel import Field, SQLModel

from labeldock.db.types import BigId, BytewiseText, Json, UtcDateTime

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = SQLModel.metadata
metadata.naming_convention = NAMES

NO_ROW: Final = -1
"""`row_index`, `row_group` of an object that is one task; NULL would not be unique."""

ACTIVE_RUN_STATES: Final = ("queued", "in_progress", "lost")
RunState = Literal[
    "queued",
    "in_progress",
    "lost",
    "completed",
    "completed_with_errors",
    "failed",
    "cancelled",
]


def utc_now() -> datetime:
    """The time by this machine's clock, for columns that only people read."""
    return datetime.now(UTC)


def _id() -> Any:  # SQLModel types every Field as Any
    return Field(default=None, sa_column=Column(BigId, primary_key=True))


def _number() -> Any:
    return Field(default=None, sa_column=Column(BigId, nullable=True))


def _reference(
    target: str, ondelete: str, *, index: bool, optional: bool = False
) -> Any:
    return Field(
        default=None if optional else ...,
        sa_column=Column(
            BigId,
            ForeignKey(target, ondelete=ondelete),
            nullable=optional,
            index=index,
        ),
    )


def _time(*, now: bool = False) -> Any:
    if now:
        return Field(default_factory=utc_now, sa_type=UtcDateTime, nullable=False)
    return Field(default=None, sa_type=UtcDateTime, nullable=True)


def _json(*, optional: bool = False) -> Any:
    if optional:
        return Field(default=None, sa_column=Column(Json, nullable=True))
    return Field(default_factory=dict, sa_column=Column(Json, nullable=False))


def _json_list() -> Any:
    return Field(default_factory=list, sa_column=Column(Json, nullable=False))


_AUTO: Final = {"sqlite_autoincrement": True}


class User(SQLModel, table=True):
    """Somebody who can log in; whoever is deleted stays as a row without a name."""

    __tablename__ = "user_account"
    __table_args__ = (UniqueConstraint("email"), _AUTO)

    id: int = _id()
    email: str
    password_hash: str
    first_name: str = ""
    last_name: str = ""
    avatar: str = ""
    is_admin: bool = False
    is_active: bool = True
    session_epoch: int = 0
    email_confirmed: bool = True  # somebody vouched for it
    active_organization_id: int | None = _reference(
        "organization.id", "SET NULL", index=False, optional=True
    )
    created_at: datetime = _time(now=True)
    last_activity: datetime | None = _time()
    deleted_at: datetime | None = _time()


class Token(SQLModel, table=True):
    """A personal token; only its hash is kept."""

    __tablename__ = "token"
    __table_args__ = (UniqueConstraint("token_hash"), _AUTO)

    id: int = _id()
    user_id: int = _reference("user_account.id", "CASCADE", index=True)
    token_hash: str
    hint: str
    jti: str | None = None
    title: str = ""
    scopes: list[str] | None = _json(optional=True)
    organization_id: int | None = _number()
    created_at: datetime = _time(now=True)
    expires_at: datetime | None = _time()
    last_used_at: datetime | None = _time()
    revoked_at: datetime | None = _time()


class Project(SQLModel, table=True):
    """Tasks that belong together, with one label config."""

    __tablename__ = "project"
    __table_args__ = _AUTO

    id: int = _id()
    organization_id: int = _reference("organization.id", "RESTRICT", index=True)
    title: str
    description: str = ""
    label_config: str = "<View></View>"
    maximum_annotations: int = 1
    interface: dict[str, Any] | None = _json(optional=True)
    created_by_id: int | None = _reference(
        "user_account.id", "SET NULL", index=False, optional=True
    )
    created_at: datetime = _time(now=True)
    updated_at: datetime = _time(now=True)
    next_inner_id: int = 1
    task_number: int = 0
    finished_task_number: int = 0
    total_annotations_number: int = 0
    total_predictions_number: int = 0
    restoring_run_id: int | None = _number()


class Membership(SQLModel, table=True):
    """The role of a user in a project: owner, manager, annotator or viewer."""

    __tablename__ = "membership"

    project_id: int = Field(
        sa_column=Column(
            BigId, ForeignKey("project.id", ondelete="CASCADE"), primary_key=True
        )
    )
    user_id: int = Field(
        sa_column=Column(
            BigId,
            ForeignKey("user_account.id", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        )
    )
    role: str


class Task(SQLModel, table=True):
    """One piece of data to label. `inner_id` counts within the project."""

    __tablename__ = "task"
    __table_args__ = (
        Index("ix_task_project_id_inner_id", "project_id", "inner_id"),
        Index("ix_task_open", "project_id", "is_labeled", "inner_id"),
        _AUTO,
    )

    id: int = _id()
    project_id: int = _reference("project.id", "CASCADE", index=False)
    inner_id: int
    data: Any = _json()
    meta: Any = _json(optional=True)
    overlap: int = 1
    allow_skip: bool = True
    is_labeled: bool = False
    total_annotations: int = 0
    cancelled_annotations: int = 0
    total_predictions: int = 0
    version: int = 1
    created_at: datetime = _time(now=True)
    updated_at: datetime = _time(now=True)
    updated_by_id: int | None = _reference(
        "user_account.id", "SET NULL", index=False, optional=True
    )


class Annotation(SQLModel, table=True):
    """What somebody said about a task. `version` counts its changes."""

    __tablename__ = "annotation"
    __table_args__ = (Index("ix_annotation_project_id_id", "project_id", "id"), _AUTO)

    id: int = _id()
    task_id: int = _reference("task.id", "CASCADE", index=True)
    project_id: int = _reference("project.id", "CASCADE", index=False)
    completed_by_id: int | None = _reference(
        "user_account.id", "SET NULL", index=False, optional=True
    )
    updated_by_id: int | None = _reference(
        "user_account.id", "SET NULL", index=False, optional=True
    )
    result: Any = _json()
    was_cancelled: bool = False
    ground_truth: bool = False
    lead_time: float | None = None
    version: int = 1
    created_at: datetime = _time(now=True)
    updated_at: datetime = _time(now=True)


class Prediction(SQLModel, table=True):
    """What a model said about a task."""

    __tablename__ = "prediction"
    __table_args__ = _AUTO

    id: int = _id()
    task_id: int = _reference("task.id", "CASCADE", index=True)
    project_id: int = _reference("project.id", "CASCADE", index=True)
    result: Any = _json()
    score: float | None = None
    model_version: str = ""
    created_at: datetime = _time(now=True)
    updated_at: datetime = _time(now=True)


class Storage(SQLModel, table=True):
    """A connected storage. What its last sync came to is told by its last run."""

    __tablename__ = "storage"
    __table_args__ = (
        Index("ix_storage_project_id_purpose", "project_id", "purpose"),
        _AUTO,
    )

    id: int = _id()
    project_id: int = _reference("project.id", "CASCADE", index=False)
    purpose: str
    provider: str
    title: str | None = None
    description: str | None = None
    settings: dict[str, Any] = _json()
    settings_version: int = 1
    base_uri: str = ""
    prefix: str = ""
    literal_prefix: bool = False
    recursive_scan: bool = False
    regex_filter: str | None = None
    use_blob_urls: bool = False
    presign: bool = True
    presign_ttl: int = 15
    can_delete_objects: bool | None = None
    payload: str | None = None
    key_template: str | None = None
    layout: str = "files"
    indent: bool = False
    max_workers: int | None = None
    export_on_save: bool = True
    save_only_new_annotations: bool = False
    synchronizable: bool = True
    on_change: str = "report"
    schedule: str | None = None
    next_run_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, nullable=True, index=True
    )
    created_at: datetime = _time(now=True)
    updated_at: datetime = _time(now=True)
    last_run_id: int | None = _number()
    last_success_at: datetime | None = _time()
    last_success_count: int | None = None


class StorageSecret(SQLModel, table=True):
    """One secret field of a storage, encrypted; readable without its provider."""

    __tablename__ = "storage_secret"

    storage_id: int = Field(
        sa_column=Column(
            BigId, ForeignKey("storage.id", ondelete="CASCADE"), primary_key=True
        )
    )
    field: str = Field(primary_key=True)
    key_id: str
    ciphertext: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class ImportLink(SQLModel, table=True):
    """An object of an import storage, and the task that a row of it became.

    `state` is `linked`, `empty` (a file without tasks), `failed` (with `problem`) or
    `kept_away` (its tasks were deleted for good); only a linked one has a task.
    """

    __tablename__ = "import_link"
    __table_args__ = (
        UniqueConstraint("storage_id", "key", "row_group", "row_index"),
        Index("ix_import_link_task_id", "task_id"),
        _AUTO,
    )

    id: int = _id()
    storage_id: int = _reference("storage.id", "CASCADE", index=False)
    task_id: int | None = _reference("task.id", "CASCADE", index=False, optional=True)
    slot_id: int | None = _number()
    key: str = Field(sa_column=Column(BytewiseText, nullable=False))
    row_group: int = NO_ROW
    row_index: int = NO_ROW
    state: str = "linked"
    etag: str = ""
    size: int = Field(default=0, sa_type=BigId)
    last_modified: datetime | None = _time()
    object_exists: bool = True
    object_changed: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=false())
    )
    seen_run_id: int | None = _number()
    problem: dict[str, Any] | None = _json(optional=True)
    created_at: datetime = _time(now=True)


class ExportLink(SQLModel, table=True):
    """An object that is known to be in an export storage, written by us.

    `version` is that of the outbox, `content_version` that of what is written there.
    `object_exists` is true since `seen_at`, when it was written or found last.
    """

    __tablename__ = "export_link"
    __table_args__ = (UniqueConstraint("storage_id", "key"), _AUTO)

    id: int = _id()
    storage_id: int = _reference("storage.id", "CASCADE", index=False)
    annotation_id: int | None = Field(
        default=None, sa_column=Column(BigId, nullable=True, index=True)
    )
    task_id: int | None = Field(
        default=None, sa_column=Column(BigId, nullable=True, index=True)
    )
    key: str = Field(sa_column=Column(BytewiseText, nullable=False))
    etag: str = ""
    version: int = 0
    content_version: int = 0
    object_exists: bool = True
    seen_at: datetime | None = _time()
    created_at: datetime = _time(now=True)
    updated_at: datetime = _time(now=True)


class Outbox(SQLModel, table=True):
    """What an export storage should hold under a key, and what was delivered.

    State, not a log: one row per key. Work is due while `delivered_version` is behind
    `wanted_version`, which becomes `claimed_version` when somebody begins. `wanted` is
    `present`, `absent`, or `left` (as it is). `in_doubt` counts the claims since the
    last one that is known to have succeeded; `for_run` says that nobody but a run asked
    for the delivery.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("storage_id", "key"),
        Index(
            "ix_outbox_pending",
            "storage_id",
            "due_at",
            sqlite_where=text("delivered_version < wanted_version"),
            postgresql_where=text("delivered_version < wanted_version"),
        ),
        _AUTO,
    )

    id: int = _id()
    storage_id: int = _reference("storage.id", "CASCADE", index=False)
    key: str = Field(sa_column=Column(BytewiseText, nullable=False))
    annotation_id: int | None = Field(default=None, sa_column=Column(BigId, index=True))
    task_id: int | None = Field(default=None, sa_column=Column(BigId, index=True))
    run_id: int | None = Field(default=None, sa_column=Column(BigId, index=True))
    wanted: str = "present"
    wanted_version: int = 1
    delivered_version: int = 0
    claimed_version: int = 0
    for_run: bool = False
    in_doubt: int = 0
    attempts: int = 0
    has_failed: bool = False
    due_at: datetime = _time(now=True)
    lease_token: int = 0
    lease_expires_at: datetime | None = _time()
    problem: dict[str, Any] | None = _json(optional=True)
    updated_at: datetime = _time(now=True)


class Run(SQLModel, table=True):
    """A piece of work: what it is, how far it is, and who holds it.

    Held by a lease: `lease_token` is the fence (raised by every claim), `lease_owner`
    is empty while nobody works on it. One storage has one active run of a kind at most;
    a backup has a project and no storage, a restore neither until its project is made.
    What interrupted it lately is kept, whether it was taken up again or not.
    """

    __tablename__ = "run"
    __table_args__ = (
        Index(
            "uq_run_active",
            "storage_id",
            "kind",
            unique=True,
            sqlite_where=text("state IN ('queued', 'in_progress', 'lost')"),
            postgresql_where=text("state IN ('queued', 'in_progress', 'lost')"),
        ),
        Index(
            "ix_run_due",
            "due_at",
            sqlite_where=text("state IN ('queued', 'in_progress', 'lost')"),
            postgresql_where=text("state IN ('queued', 'in_progress', 'lost')"),
        ),
        Index("ix_run_storage_id_id", "storage_id", "id"),
        _AUTO,
    )

    id: int = _id()
    storage_id: int | None = _reference(
        "storage.id", "CASCADE", index=False, optional=True
    )
    project_id: int | None = _reference(
        "project.id", "CASCADE", index=True, optional=True
    )
    kind: str
    state: str = "queued"
    trigger: str = "manual"
    requested_by_id: int | None = _reference(
        "user_account.id", "SET NULL", index=False, optional=True
    )
    options: dict[str, Any] = _json()
    checkpoint: dict[str, Any] = _json()
    counts: dict[str, int] = _json()
    problem: dict[str, Any] | None = _json(optional=True)
    interruptions: list[dict[str, Any]] = _json_list()
    samples: list[list[float]] = _json_list()
    attempts: int = 0
    due_at: datetime = _time(now=True)
    lease_token: int = 0
    lease_owner: str = ""
    lease_expires_at: datetime | None = _time()
    cancel_requested: bool = False
    cancelled_by: str = ""
    queued_at: datetime = _time(now=True)
    started_at: datetime | None = _time()
    last_ping_at: datetime | None = _time()
    finished_at: datetime | None = _time()


class RunError(SQLModel, table=True):
    """Why one object of a run could not be imported or exported."""

    __tablename__ = "run_error"
    __table_args__ = (Index("ix_run_error_run_id_id", "run_id", "id"), _AUTO)

    id: int = _id()
    run_id: int = _reference("run.id", "CASCADE", index=False)
    key: str
    row_index: int = NO_ROW
    code: str
    message: str
    remedy: str | None = None
    created_at: datetime = _time(now=True)

"""The tables. Rows stay inside the services; only plain values leave them.

Identifiers are never used again (AUTOINCREMENT on SQLite), since links, logs and
buckets remember them. Names of constraints are given, so that migrations can find them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    LargeBinary,
    UniqueConstraint,
    false,
    text,
)
from sqlmodel import Field, SQLModel

from labeldock.db.columns import (
    AUTO,
    json_list,
    json_object,
    json_or_null,
    key_reference,
    number,
    reference,
    row_id,
    time,
    time_of_writing,
)
from labeldock.db.defaults import find_team
from labeldock.db.types import BigId, BytewiseText, Json, UtcDateTime
from labeldock.telemetry import begin_work

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


class User(SQLModel, table=True):
    """Somebody who can log in; whoever is deleted stays as a row without a name."""

    __tablename__ = "user_account"
    __table_args__ = (UniqueConstraint("email"), AUTO)

    id: int = row_id()
    email: str
    password_hash: str
    first_name: str = ""
    last_name: str = ""
    avatar: str = ""
    is_admin: bool = False
    is_active: bool = True
    session_epoch: int = 0
    email_confirmed: bool = True  # somebody vouched for it
    active_organization_id: int | None = reference(
        "organization.id", "SET NULL", optional=True
    )
    created_at: datetime = time_of_writing()
    last_activity: datetime | None = time()
    deleted_at: datetime | None = time()


class Token(SQLModel, table=True):
    """A personal token; only its hash is kept."""

    __tablename__ = "token"
    __table_args__ = (UniqueConstraint("token_hash"), AUTO)

    id: int = row_id()
    user_id: int = reference("user_account.id", "CASCADE", index=True)
    token_hash: str
    hint: str
    jti: str | None = None
    title: str = ""
    scopes: list[str] | None = json_or_null()
    organization_id: int | None = number()
    created_at: datetime = time_of_writing()
    expires_at: datetime | None = time()
    last_used_at: datetime | None = time()
    revoked_at: datetime | None = time()


class Project(SQLModel, table=True):
    """Tasks that belong together, with one label config."""

    __tablename__ = "project"
    __table_args__ = AUTO

    id: int = row_id()
    organization_id: int = reference("organization.id", "RESTRICT", index=True)
    title: str
    description: str = ""
    label_config: str = "<View></View>"
    maximum_annotations: int = 1
    interface: dict[str, Any] | None = json_or_null()
    created_by_id: int | None = reference("user_account.id", "SET NULL", optional=True)
    created_at: datetime = time_of_writing()
    updated_at: datetime = time_of_writing()
    next_inner_id: int = 1
    task_number: int = 0
    finished_task_number: int = 0
    total_annotations_number: int = 0
    total_predictions_number: int = 0
    num_tasks_with_annotations: int = 0
    useful_annotation_number: int = 0
    ground_truth_number: int = 0
    skipped_annotations_number: int = 0
    restoring_run_id: int | None = number()


class Membership(SQLModel, table=True):
    """The role of a user in a project: owner, manager, annotator or viewer."""

    __tablename__ = "membership"

    project_id: int = key_reference("project.id")
    user_id: int = key_reference("user_account.id", index=True)
    role: str


class Task(SQLModel, table=True):
    """One piece of data to label. `inner_id` counts within the project."""

    __tablename__ = "task"
    __table_args__ = (
        Index("ix_task_project_id_inner_id", "project_id", "inner_id"),
        Index("ix_task_open", "project_id", "is_labeled", "inner_id"),
        AUTO,
    )

    id: int = row_id()
    project_id: int = reference("project.id", "CASCADE")
    inner_id: int
    data: Any = json_object()
    meta: Any = json_or_null()
    overlap: int = 1
    allow_skip: bool = True
    is_labeled: bool = False
    total_annotations: int = 0
    cancelled_annotations: int = 0
    total_predictions: int = 0
    version: int = 1
    created_at: datetime = time_of_writing()
    updated_at: datetime = time_of_writing()
    updated_by_id: int | None = reference("user_account.id", "SET NULL", optional=True)


class Annotation(SQLModel, table=True):
    """What somebody said about a task. `version` counts its changes."""

    __tablename__ = "annotation"
    __table_args__ = (Index("ix_annotation_project_id_id", "project_id", "id"), AUTO)

    id: int = row_id()
    task_id: int = reference("task.id", "CASCADE", index=True)
    project_id: int = reference("project.id", "CASCADE")
    completed_by_id: int | None = reference(
        "user_account.id", "SET NULL", optional=True
    )
    updated_by_id: int | None = reference("user_account.id", "SET NULL", optional=True)
    result: Any = json_object()
    was_cancelled: bool = False
    ground_truth: bool = False
    lead_time: float | None = None
    version: int = 1
    created_at: datetime = time_of_writing()
    updated_at: datetime = time_of_writing()


class Prediction(SQLModel, table=True):
    """What a model said about a task."""

    __tablename__ = "prediction"
    __table_args__ = AUTO

    id: int = row_id()
    task_id: int = reference("task.id", "CASCADE", index=True)
    project_id: int = reference("project.id", "CASCADE", index=True)
    result: Any = json_object()
    score: float | None = None
    model_version: str = ""
    created_at: datetime = time_of_writing()
    updated_at: datetime = time_of_writing()


class Storage(SQLModel, table=True):
    """A connected storage. What its last sync came to is told by its last run."""

    __tablename__ = "storage"
    __table_args__ = (
        Index("ix_storage_project_id_purpose", "project_id", "purpose"),
        AUTO,
    )

    id: int = row_id()
    project_id: int = reference("project.id", "CASCADE")
    purpose: str
    provider: str
    title: str | None = None
    description: str | None = None
    settings: dict[str, Any] = json_object()
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
    created_at: datetime = time_of_writing()
    updated_at: datetime = time_of_writing()
    last_run_id: int | None = number()
    last_success_at: datetime | None = time()
    last_success_count: int | None = None


class StorageSecret(SQLModel, table=True):
    """One secret field of a storage, encrypted; readable without its provider."""

    __tablename__ = "storage_secret"

    storage_id: int = key_reference("storage.id")
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
        AUTO,
    )

    id: int = row_id()
    storage_id: int = reference("storage.id", "CASCADE")
    task_id: int | None = reference("task.id", "CASCADE", optional=True)
    slot_id: int | None = number()
    key: str = Field(sa_column=Column(BytewiseText, nullable=False))
    row_group: int = NO_ROW
    row_index: int = NO_ROW
    state: str = "linked"
    etag: str = ""
    size: int = Field(default=0, sa_type=BigId)
    last_modified: datetime | None = time()
    object_exists: bool = True
    object_changed: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=false())
    )
    seen_run_id: int | None = number()
    problem: dict[str, Any] | None = json_or_null()
    created_at: datetime = time_of_writing()


class ExportLink(SQLModel, table=True):
    """An object that is known to be in an export storage, written by us.

    `version` is that of the outbox, `content_version` that of what is written there.
    `object_exists` is true since `seen_at`, when it was written or found last.
    """

    __tablename__ = "export_link"
    __table_args__ = (UniqueConstraint("storage_id", "key"), AUTO)

    id: int = row_id()
    storage_id: int = reference("storage.id", "CASCADE")
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
    seen_at: datetime | None = time()
    created_at: datetime = time_of_writing()
    updated_at: datetime = time_of_writing()


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
        AUTO,
    )

    id: int = row_id()
    storage_id: int = reference("storage.id", "CASCADE")
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
    due_at: datetime = time_of_writing()
    lease_token: int = 0
    lease_expires_at: datetime | None = time()
    problem: dict[str, Any] | None = json_or_null()
    updated_at: datetime = time_of_writing()


class Run(SQLModel, table=True):
    """A piece of work: what it is, how far it is, and who holds it.

    Held by a lease: `lease_token` is the fence (raised by every claim), `lease_owner`
    is empty while nobody works on it. One storage has one active run of a kind at most;
    a backup has a project and no storage, a restore neither until its project is made.
    It counts for the team `organization_id`, by default its project's.
    `origin` is what its log lines and traces belong to: see `telemetry.begin_work`.
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
        AUTO,
    )

    id: int = row_id()
    storage_id: int | None = reference("storage.id", "CASCADE", optional=True)
    project_id: int | None = reference(
        "project.id", "CASCADE", index=True, optional=True
    )
    organization_id: int | None = Field(
        default=None, sa_column=Column(BigId, nullable=True, default=find_team)
    )
    kind: str
    state: str = "queued"
    trigger: str = "manual"
    requested_by_id: int | None = reference(
        "user_account.id", "SET NULL", optional=True
    )
    origin: dict[str, str] | None = Field(
        default_factory=begin_work, sa_column=Column(Json, nullable=True)
    )
    options: dict[str, Any] = json_object()
    checkpoint: dict[str, Any] = json_object()
    counts: dict[str, int] = json_object()
    problem: dict[str, Any] | None = json_or_null()
    interruptions: list[dict[str, Any]] = json_list()
    samples: list[list[float]] = json_list()
    attempts: int = 0
    due_at: datetime = time_of_writing()
    lease_token: int = 0
    lease_owner: str = ""
    lease_expires_at: datetime | None = time()
    cancel_requested: bool = False
    cancelled_by: str = ""
    queued_at: datetime = time_of_writing()
    started_at: datetime | None = time()
    last_ping_at: datetime | None = time()
    finished_at: datetime | None = time()


class RunError(SQLModel, table=True):
    """Why one object of a run could not be imported or exported."""

    __tablename__ = "run_error"
    __table_args__ = (Index("ix_run_error_run_id_id", "run_id", "id"), AUTO)

    id: int = row_id()
    run_id: int = reference("run.id", "CASCADE")
    key: str
    row_index: int = NO_ROW
    code: str
    message: str
    remedy: str | None = None
    created_at: datetime = time_of_writing()

"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labeldock.db import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_account",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_activity", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email", name=op.f("uq_user_account_email")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "project",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("label_config", sa.String(), nullable=False),
        sa.Column("maximum_annotations", sa.Integer(), nullable=False),
        sa.Column("interface", types.Json(), nullable=True),
        sa.Column("created_by_id", types.BigId, nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.Column("next_inner_id", sa.Integer(), nullable=False),
        sa.Column("task_number", sa.Integer(), nullable=False),
        sa.Column("finished_task_number", sa.Integer(), nullable=False),
        sa.Column("total_annotations_number", sa.Integer(), nullable=False),
        sa.Column("total_predictions_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["user_account.id"],
            name=op.f("fk_project_created_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "token",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("user_id", types.BigId, nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("scopes", types.Json(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=True),
        sa.Column("last_used_at", types.UtcDateTime(), nullable=True),
        sa.Column("revoked_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_token_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_token_token_hash")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_token_user_id"), ["user_id"], unique=False)

    op.create_table(
        "membership",
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("user_id", types.BigId, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_membership_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_membership_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "user_id", name=op.f("pk_membership")),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_membership_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "storage",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("settings", types.Json(), nullable=False),
        sa.Column("settings_version", sa.Integer(), nullable=False),
        sa.Column("base_uri", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("literal_prefix", sa.Boolean(), nullable=False),
        sa.Column("recursive_scan", sa.Boolean(), nullable=False),
        sa.Column("regex_filter", sa.String(), nullable=True),
        sa.Column("use_blob_urls", sa.Boolean(), nullable=False),
        sa.Column("presign", sa.Boolean(), nullable=False),
        sa.Column("presign_ttl", sa.Integer(), nullable=False),
        sa.Column("can_delete_objects", sa.Boolean(), nullable=True),
        sa.Column("payload", sa.String(), nullable=True),
        sa.Column("key_template", sa.String(), nullable=True),
        sa.Column("layout", sa.String(), nullable=False),
        sa.Column("indent", sa.Boolean(), nullable=False),
        sa.Column("max_workers", sa.Integer(), nullable=True),
        sa.Column("export_on_save", sa.Boolean(), nullable=False),
        sa.Column("save_only_new_annotations", sa.Boolean(), nullable=False),
        sa.Column("synchronizable", sa.Boolean(), nullable=False),
        sa.Column("on_change", sa.String(), nullable=False),
        sa.Column("schedule", sa.String(), nullable=True),
        sa.Column("next_run_at", types.UtcDateTime(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_run_id", types.BigId, nullable=True),
        sa.Column("last_success_at", types.UtcDateTime(), nullable=True),
        sa.Column("last_success_count", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_storage_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storage")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("storage", schema=None) as batch_op:
        batch_op.create_index(
            "ix_storage_project_id_purpose", ["project_id", "purpose"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_storage_next_run_at"), ["next_run_at"], unique=False
        )

    op.create_table(
        "task",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("inner_id", sa.Integer(), nullable=False),
        sa.Column("data", types.Json(), nullable=False),
        sa.Column("meta", types.Json(), nullable=True),
        sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("allow_skip", sa.Boolean(), nullable=False),
        sa.Column("is_labeled", sa.Boolean(), nullable=False),
        sa.Column("total_annotations", sa.Integer(), nullable=False),
        sa.Column("cancelled_annotations", sa.Integer(), nullable=False),
        sa.Column("total_predictions", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_by_id", types.BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_task_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["updated_by_id"],
            ["user_account.id"],
            name=op.f("fk_task_updated_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index(
            "ix_task_project_id_inner_id", ["project_id", "inner_id"], unique=False
        )

    op.create_table(
        "annotation",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("task_id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("completed_by_id", types.BigId, nullable=True),
        sa.Column("updated_by_id", types.BigId, nullable=True),
        sa.Column("result", types.Json(), nullable=False),
        sa.Column("was_cancelled", sa.Boolean(), nullable=False),
        sa.Column("ground_truth", sa.Boolean(), nullable=False),
        sa.Column("lead_time", sa.Float(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["completed_by_id"],
            ["user_account.id"],
            name=op.f("fk_annotation_completed_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_annotation_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.id"],
            name=op.f("fk_annotation_task_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["updated_by_id"],
            ["user_account.id"],
            name=op.f("fk_annotation_updated_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("annotation", schema=None) as batch_op:
        batch_op.create_index(
            "ix_annotation_project_id_id", ["project_id", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_annotation_task_id"), ["task_id"], unique=False
        )

    op.create_table(
        "export_link",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("storage_id", types.BigId, nullable=False),
        sa.Column("annotation_id", types.BigId, nullable=True),
        sa.Column("task_id", types.BigId, nullable=True),
        sa.Column("key", types.BytewiseText, nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_version", sa.Integer(), nullable=False),
        sa.Column("object_exists", sa.Boolean(), nullable=False),
        sa.Column("seen_at", types.UtcDateTime(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["storage_id"],
            ["storage.id"],
            name=op.f("fk_export_link_storage_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_link")),
        sa.UniqueConstraint(
            "storage_id", "key", name=op.f("uq_export_link_storage_id_key")
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("export_link", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_export_link_annotation_id"), ["annotation_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_export_link_task_id"), ["task_id"], unique=False
        )

    op.create_table(
        "import_link",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("storage_id", types.BigId, nullable=False),
        sa.Column("task_id", types.BigId, nullable=True),
        sa.Column("key", types.BytewiseText, nullable=False),
        sa.Column("row_group", sa.Integer(), nullable=False),
        sa.Column("row_index", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("size", types.BigId, nullable=False),
        sa.Column("last_modified", types.UtcDateTime(), nullable=True),
        sa.Column("object_exists", sa.Boolean(), nullable=False),
        sa.Column(
            "object_changed",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
        ),
        sa.Column("seen_run_id", types.BigId, nullable=True),
        sa.Column("problem", types.Json(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["storage_id"],
            ["storage.id"],
            name=op.f("fk_import_link_storage_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.id"],
            name=op.f("fk_import_link_task_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_link")),
        sa.UniqueConstraint(
            "storage_id",
            "key",
            "row_group",
            "row_index",
            name=op.f("uq_import_link_storage_id_key_row_group_row_index"),
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("import_link", schema=None) as batch_op:
        batch_op.create_index("ix_import_link_task_id", ["task_id"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("storage_id", types.BigId, nullable=False),
        sa.Column("key", types.BytewiseText, nullable=False),
        sa.Column("annotation_id", types.BigId, nullable=True),
        sa.Column("task_id", types.BigId, nullable=True),
        sa.Column("run_id", types.BigId, nullable=True),
        sa.Column("wanted", sa.String(), nullable=False),
        sa.Column("wanted_version", sa.Integer(), nullable=False),
        sa.Column("delivered_version", sa.Integer(), nullable=False),
        sa.Column("claimed_version", sa.Integer(), nullable=False),
        sa.Column("for_run", sa.Boolean(), nullable=False),
        sa.Column("in_doubt", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("has_failed", sa.Boolean(), nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=False),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_expires_at", types.UtcDateTime(), nullable=True),
        sa.Column("problem", types.Json(), nullable=True),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["storage_id"],
            ["storage.id"],
            name=op.f("fk_outbox_storage_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("storage_id", "key", name=op.f("uq_outbox_storage_id_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outbox_annotation_id"), ["annotation_id"], unique=False
        )
        batch_op.create_index(
            "ix_outbox_pending",
            ["storage_id", "due_at"],
            unique=False,
            sqlite_where=sa.text("delivered_version < wanted_version"),
            postgresql_where=sa.text("delivered_version < wanted_version"),
        )
        batch_op.create_index(batch_op.f("ix_outbox_run_id"), ["run_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_outbox_task_id"), ["task_id"], unique=False
        )

    op.create_table(
        "prediction",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("task_id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("result", types.Json(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_prediction_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.id"],
            name=op.f("fk_prediction_task_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prediction")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("prediction", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_prediction_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_prediction_task_id"), ["task_id"], unique=False
        )

    op.create_table(
        "run",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("storage_id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("requested_by_id", types.BigId, nullable=True),
        sa.Column("options", types.Json(), nullable=False),
        sa.Column("checkpoint", types.Json(), nullable=False),
        sa.Column("counts", types.Json(), nullable=False),
        sa.Column("problem", types.Json(), nullable=True),
        sa.Column("interruptions", types.Json(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=False),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(), nullable=False),
        sa.Column("lease_expires_at", types.UtcDateTime(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("cancelled_by", sa.String(), nullable=False),
        sa.Column("queued_at", types.UtcDateTime(), nullable=False),
        sa.Column("started_at", types.UtcDateTime(), nullable=True),
        sa.Column("last_ping_at", types.UtcDateTime(), nullable=True),
        sa.Column("finished_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_run_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["requested_by_id"],
            ["user_account.id"],
            name=op.f("fk_run_requested_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["storage_id"],
            ["storage.id"],
            name=op.f("fk_run_storage_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(
            "ix_run_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('queued', 'in_progress', 'lost')"),
            postgresql_where=sa.text("state IN ('queued', 'in_progress', 'lost')"),
        )
        batch_op.create_index(
            batch_op.f("ix_run_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(
            "ix_run_storage_id_id", ["storage_id", "id"], unique=False
        )
        batch_op.create_index(
            "uq_run_active",
            ["storage_id", "kind"],
            unique=True,
            sqlite_where=sa.text("state IN ('queued', 'in_progress', 'lost')"),
            postgresql_where=sa.text("state IN ('queued', 'in_progress', 'lost')"),
        )

    op.create_table(
        "storage_secret",
        sa.Column("storage_id", types.BigId, nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["storage_id"],
            ["storage.id"],
            name=op.f("fk_storage_secret_storage_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("storage_id", "field", name=op.f("pk_storage_secret")),
    )
    op.create_table(
        "run_error",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("row_index", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_run_error_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_error")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("run_error", schema=None) as batch_op:
        batch_op.create_index("ix_run_error_run_id_id", ["run_id", "id"], unique=False)

    op.create_table(
        "part",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("after_key", types.BytewiseText, nullable=False),
        sa.Column("upto_key", types.BytewiseText, nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("checkpoint", types.Json(), nullable=False),
        sa.Column("counts", types.Json(), nullable=False),
        sa.Column("problem", types.Json(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=False),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(), nullable=False),
        sa.Column("lease_expires_at", types.UtcDateTime(), nullable=True),
        sa.Column("last_ping_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_part_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part")),
        sa.UniqueConstraint(
            "run_id", "after_key", name=op.f("uq_part_run_id_after_key")
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("part", schema=None) as batch_op:
        batch_op.create_index(
            "ix_part_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('queued', 'in_progress')"),
            postgresql_where=sa.text("state IN ('queued', 'in_progress')"),
        )

    op.create_table(
        "run_object",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("key", types.BytewiseText, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
            name=op.f("fk_run_object_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_object")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("run_object", schema=None) as batch_op:
        batch_op.create_index(
            "ix_run_object_run_id_category_id",
            ["run_id", "category", "id"],
            unique=False,
        )

    op.create_table(
        "event_inlet",
        sa.Column("storage_id", types.BigId, nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("confirm_url", sa.String(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_event_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["storage_id"],
            ["storage.id"],
            name=op.f("fk_event_inlet_storage_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("storage_id", name=op.f("pk_event_inlet")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("storage_id", types.BigId, nullable=False),
        sa.Column("key", types.BytewiseText, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["storage_id"],
            ["storage.id"],
            name=op.f("fk_inbox_storage_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("storage_id", "key", name=op.f("uq_inbox_storage_id_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("actions", types.Json(), nullable=True),
        sa.Column("send_payload", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("paused_until", types.UtcDateTime(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_webhook_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("webhook", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_webhook_project_id"), ["project_id"], unique=False
        )

    op.create_table(
        "webhook_delivery",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("webhook_id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("payload", types.Json(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=False),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_expires_at", types.UtcDateTime(), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("finished_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhook.id"],
            name=op.f("fk_webhook_delivery_webhook_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("webhook_delivery", schema=None) as batch_op:
        batch_op.create_index(
            "ix_webhook_delivery_waiting",
            ["webhook_id", "due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )
        batch_op.create_index(
            "ix_webhook_delivery_webhook_id_id", ["webhook_id", "id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("webhook_delivery", schema=None) as batch_op:
        batch_op.drop_index("ix_webhook_delivery_webhook_id_id")
        batch_op.drop_index(
            "ix_webhook_delivery_waiting",
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )

    op.drop_table("webhook_delivery")
    with op.batch_alter_table("webhook", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_webhook_project_id"))

    op.drop_table("webhook")
    op.drop_table("inbox")
    op.drop_table("event_inlet")
    with op.batch_alter_table("run_object", schema=None) as batch_op:
        batch_op.drop_index("ix_run_object_run_id_category_id")

    op.drop_table("run_object")
    with op.batch_alter_table("part", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_part_due",
            sqlite_where=sa.text("state IN ('queued', 'in_progress')"),
            postgresql_where=sa.text("state IN ('queued', 'in_progress')"),
        )

    op.drop_table("part")
    with op.batch_alter_table("run_error", schema=None) as batch_op:
        batch_op.drop_index("ix_run_error_run_id_id")

    op.drop_table("run_error")
    op.drop_table("storage_secret")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_run_active",
            sqlite_where=sa.text("state IN ('queued', 'in_progress', 'lost')"),
            postgresql_where=sa.text("state IN ('queued', 'in_progress', 'lost')"),
        )
        batch_op.drop_index("ix_run_storage_id_id")
        batch_op.drop_index(batch_op.f("ix_run_project_id"))
        batch_op.drop_index(
            "ix_run_due",
            sqlite_where=sa.text("state IN ('queued', 'in_progress', 'lost')"),
            postgresql_where=sa.text("state IN ('queued', 'in_progress', 'lost')"),
        )

    op.drop_table("run")
    with op.batch_alter_table("prediction", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_prediction_task_id"))
        batch_op.drop_index(batch_op.f("ix_prediction_project_id"))

    op.drop_table("prediction")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_task_id"))
        batch_op.drop_index(batch_op.f("ix_outbox_run_id"))
        batch_op.drop_index(
            "ix_outbox_pending",
            sqlite_where=sa.text("delivered_version < wanted_version"),
            postgresql_where=sa.text("delivered_version < wanted_version"),
        )
        batch_op.drop_index(batch_op.f("ix_outbox_annotation_id"))

    op.drop_table("outbox")
    with op.batch_alter_table("import_link", schema=None) as batch_op:
        batch_op.drop_index("ix_import_link_task_id")

    op.drop_table("import_link")
    with op.batch_alter_table("export_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_export_link_task_id"))
        batch_op.drop_index(batch_op.f("ix_export_link_annotation_id"))

    op.drop_table("export_link")
    with op.batch_alter_table("annotation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_annotation_task_id"))
        batch_op.drop_index("ix_annotation_project_id_id")

    op.drop_table("annotation")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index("ix_task_project_id_inner_id")

    op.drop_table("task")
    with op.batch_alter_table("storage", schema=None) as batch_op:
        batch_op.drop_index("ix_storage_project_id_purpose")
        batch_op.drop_index(batch_op.f("ix_storage_next_run_at"))

    op.drop_table("storage")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_membership_user_id"))

    op.drop_table("membership")
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_token_user_id"))

    op.drop_table("token")
    op.drop_table("project")
    op.drop_table("user_account")

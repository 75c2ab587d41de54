"""The first schema."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from labeldock.db import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schema_floor",
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("oldest_version", sa.String(), nullable=False),
        sa.Column("noted_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_schema_floor")),
    )
    organization = op.create_table(
        "organization",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("created_by_id", types.BigId, nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
        sqlite_autoincrement=True,
    )
    # The one that everything belongs to where there are no others.
    now = datetime.now(UTC)
    first = {"title": "Labeldock", "created_at": now, "updated_at": now}
    op.bulk_insert(organization, [first])
    op.create_table(
        "user_account",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("avatar", sa.String(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("email_confirmed", sa.Boolean(), nullable=False),
        sa.Column("active_organization_id", types.BigId, nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_activity", types.UtcDateTime(), nullable=True),
        sa.Column("deleted_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["active_organization_id"],
            ["organization.id"],
            name=op.f("fk_user_account_active_organization_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email", name=op.f("uq_user_account_email")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "project",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("organization_id", types.BigId, nullable=False),
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
        sa.Column("num_tasks_with_annotations", sa.Integer(), nullable=False),
        sa.Column("useful_annotation_number", sa.Integer(), nullable=False),
        sa.Column("ground_truth_number", sa.Integer(), nullable=False),
        sa.Column("skipped_annotations_number", sa.Integer(), nullable=False),
        sa.Column("restoring_run_id", types.BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["user_account.id"],
            name=op.f("fk_project_created_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_project_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("project", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_project_organization_id"), ["organization_id"], unique=False
        )

    op.create_table(
        "organization_member",
        sa.Column("organization_id", types.BigId, nullable=False),
        sa.Column("user_id", types.BigId, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_organization_member_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_organization_member_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "user_id", name=op.f("pk_organization_member")
        ),
    )
    with op.batch_alter_table("organization_member", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_organization_member_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "one_time_link",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("user_id", types.BigId, nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("created_by_id", types.BigId, nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=False),
        sa.Column("used_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_one_time_link_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["user_account.id"],
            name=op.f("fk_one_time_link_created_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_one_time_link_token_hash")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("one_time_link", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_one_time_link_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "invitation",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("organization_id", types.BigId, nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("projects", types.Json(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("uses_limit", sa.Integer(), nullable=True),
        sa.Column("created_by_id", types.BigId, nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=False),
        sa.Column("revoked_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_invitation_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["user_account.id"],
            name=op.f("fk_invitation_created_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_invitation_organization_id"),
            ["organization_id"],
            unique=False,
        )

    op.create_table(
        "identity",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("user_id", types.BigId, nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_used_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_identity_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
        sa.UniqueConstraint(
            "issuer", "subject", name=op.f("uq_identity_issuer_subject")
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("identity", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_identity_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "login_limit",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("ends_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_login_limit")),
    )
    with op.batch_alter_table("login_limit", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_login_limit_ends_at"), ["ends_at"], unique=False
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
        sa.Column("organization_id", types.BigId, nullable=True),
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
        batch_op.create_index(
            "ix_task_open", ["project_id", "is_labeled", "inner_id"], unique=False
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
        "slot",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("base_uri", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("options", types.Json(), nullable=False),
        sa.Column("storage_id", types.BigId, nullable=True),
        sa.Column("mapped_prefix", sa.String(), nullable=False),
        sa.Column("is_kept", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_slot_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["storage_id"],
            ["storage.id"],
            name=op.f("fk_slot_storage_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_slot_project_id_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_slot_storage_id"), ["storage_id"], unique=False
        )

    op.create_table(
        "slot_reference",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("slot_id", types.BigId, nullable=False),
        sa.Column("task_id", types.BigId, nullable=True),
        sa.Column("key", types.BytewiseText, nullable=False),
        sa.Column("row_group", sa.Integer(), nullable=False),
        sa.Column("row_index", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("size", types.BigId, nullable=False),
        sa.Column("last_modified", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["slot_id"],
            ["slot.id"],
            name=op.f("fk_slot_reference_slot_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.id"],
            name=op.f("fk_slot_reference_task_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot_reference")),
        sa.UniqueConstraint(
            "slot_id",
            "key",
            "row_group",
            "row_index",
            name=op.f("uq_slot_reference_slot_id_key_row_group_row_index"),
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("slot_reference", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_slot_reference_task_id"), ["task_id"], unique=False
        )

    op.create_table(
        "import_link",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("storage_id", types.BigId, nullable=False),
        sa.Column("task_id", types.BigId, nullable=True),
        sa.Column("slot_id", types.BigId, nullable=True),
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
        sa.Column("storage_id", types.BigId, nullable=True),
        sa.Column("project_id", types.BigId, nullable=True),
        sa.Column("organization_id", types.BigId, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("requested_by_id", types.BigId, nullable=True),
        sa.Column("origin", types.Json(), nullable=True),
        sa.Column("options", types.Json(), nullable=False),
        sa.Column("checkpoint", types.Json(), nullable=False),
        sa.Column("counts", types.Json(), nullable=False),
        sa.Column("problem", types.Json(), nullable=True),
        sa.Column("interruptions", types.Json(), nullable=False),
        sa.Column("samples", types.Json(), nullable=False),
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
        "team_limit",
        sa.Column("organization_id", types.BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", types.BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_team_limit_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "name", name=op.f("pk_team_limit")),
    )
    op.create_table(
        "team_turn",
        sa.Column("organization_id", types.BigId, autoincrement=False, nullable=False),
        sa.Column("used", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_team_turn")),
    )
    with op.batch_alter_table("team_turn", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_team_turn_used"), ["used"], unique=False)

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
        "audit_event",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("user_id", types.BigId, nullable=True),
        sa.Column("user_email", sa.String(), nullable=False),
        sa.Column("token_id", types.BigId, nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("target_kind", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sa.Column("organization_id", types.BigId, nullable=True),
        sa.Column("project_id", types.BigId, nullable=True),
        sa.Column("details", types.Json(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_event_project_id_id", ["project_id", "id"], unique=False
        )
        batch_op.create_index(
            "ix_audit_event_organization_id_id",
            ["organization_id", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_audit_event_user_id_id", ["user_id", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_audit_event_created_at"), ["created_at"], unique=False
        )

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

    op.create_table(
        "stored_file",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("key", types.BytewiseText, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("is_ready", sa.Boolean(), nullable=False),
        sa.Column("is_bound", sa.Boolean(), nullable=False),
        sa.Column("project_id", types.BigId, nullable=True),
        sa.Column("user_id", types.BigId, nullable=True),
        sa.Column("run_id", types.BigId, nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("size", types.BigId, nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_stored_file_project_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_stored_file_user_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
            name=op.f("fk_stored_file_run_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_file")),
        sa.UniqueConstraint("key", name=op.f("uq_stored_file_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("stored_file", schema=None) as batch_op:
        batch_op.create_index(
            "ix_stored_file_project_id_kind", ["project_id", "kind"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_stored_file_user_id"), ["user_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_stored_file_run_id"), ["run_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_stored_file_expires_at"), ["expires_at"], unique=False
        )

    op.create_table(
        "incoming_archive",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("user_id", types.BigId, nullable=False),
        sa.Column("file_id", types.BigId, nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("length", types.BigId, nullable=False),
        sa.Column("received", types.BigId, nullable=False),
        sa.Column("pieces", types.Json(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_incoming_archive_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["stored_file.id"],
            name=op.f("fk_incoming_archive_file_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming_archive")),
        sa.UniqueConstraint("token", name=op.f("uq_incoming_archive_token")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("incoming_archive", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_incoming_archive_user_id"), ["user_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_incoming_archive_file_id"), ["file_id"], unique=False
        )

    op.create_table(
        "background_request",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("rq_id", sa.String(), nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=True),
        sa.Column("user_id", types.BigId, nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("target_id", types.BigId, nullable=True),
        sa.Column("lightweight", sa.Boolean(), nullable=True),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("storage_id", types.BigId, nullable=True),
        sa.Column("result_key", sa.String(), nullable=False),
        sa.Column("result_id", types.BigId, nullable=True),
        sa.Column("file_id", types.BigId, nullable=True),
        sa.Column("is_scheduled", sa.Boolean(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
            name=op.f("fk_background_request_run_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_background_request_project_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_background_request_user_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["storage_id"],
            ["storage.id"],
            name=op.f("fk_background_request_storage_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["stored_file.id"],
            name=op.f("fk_background_request_file_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_background_request")),
        sa.UniqueConstraint("rq_id", name=op.f("uq_background_request_rq_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("background_request", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_background_request_run_id"), ["run_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_background_request_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_background_request_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "backup_plan",
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("lightweight", sa.Boolean(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("storage_id", types.BigId, nullable=True),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("keep_count", sa.Integer(), nullable=True),
        sa.Column("keep_days", sa.Integer(), nullable=True),
        sa.Column("next_run_at", types.UtcDateTime(), nullable=True),
        sa.Column("updated_by_id", types.BigId, nullable=True),
        sa.Column("problem", types.Json(), nullable=True),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_backup_plan_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["storage_id"],
            ["storage.id"],
            name=op.f("fk_backup_plan_storage_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["updated_by_id"],
            ["user_account.id"],
            name=op.f("fk_backup_plan_updated_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_backup_plan")),
    )
    with op.batch_alter_table("backup_plan", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_backup_plan_next_run_at"), ["next_run_at"], unique=False
        )
    op.create_table(
        "project_point",
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("finished", sa.Integer(), nullable=False),
        sa.Column("annotations", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_project_point_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "at", name=op.f("pk_project_point")),
    )
    op.create_table(
        "worker_sign",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("threads", sa.Integer(), nullable=False),
        sa.Column("started_at", types.UtcDateTime(), nullable=False),
        sa.Column("seen_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker_sign")),
    )
    op.create_table(
        "saved_view",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("user_id", types.BigId, nullable=True),
        sa.Column("data", types.Json(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_saved_view_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_saved_view_user_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("saved_view", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_saved_view_project_id"), ["project_id"], unique=False
        )

    op.create_table(
        "task_lock",
        sa.Column("task_id", types.BigId, nullable=False),
        sa.Column("user_id", types.BigId, nullable=False),
        sa.Column("project_id", types.BigId, nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_task_lock_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.id"],
            name=op.f("fk_task_lock_task_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_task_lock_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("task_id", "user_id", name=op.f("pk_task_lock")),
    )
    with op.batch_alter_table("task_lock", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_task_lock_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_task_lock_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "draft",
        sa.Column("id", types.BigId, nullable=False),
        sa.Column("task_id", types.BigId, nullable=False),
        sa.Column("annotation_id", types.BigId, nullable=True),
        sa.Column("user_id", types.BigId, nullable=False),
        sa.Column("result", types.Json(), nullable=False),
        sa.Column("lead_time", sa.Float(), nullable=True),
        sa.Column("was_postponed", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotation_id"],
            ["annotation.id"],
            name=op.f("fk_draft_annotation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.id"],
            name=op.f("fk_draft_task_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_draft_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_draft_annotation_id"), ["annotation_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_draft_task_id"), ["task_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_draft_user_id"), ["user_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_draft_user_id"))
        batch_op.drop_index(batch_op.f("ix_draft_task_id"))
        batch_op.drop_index(batch_op.f("ix_draft_annotation_id"))

    op.drop_table("draft")
    with op.batch_alter_table("task_lock", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_lock_user_id"))
        batch_op.drop_index(batch_op.f("ix_task_lock_project_id"))

    op.drop_table("task_lock")
    with op.batch_alter_table("saved_view", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_saved_view_project_id"))

    op.drop_table("saved_view")
    op.drop_table("worker_sign")
    op.drop_table("project_point")
    with op.batch_alter_table("backup_plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_backup_plan_next_run_at"))

    op.drop_table("backup_plan")
    with op.batch_alter_table("background_request", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_background_request_user_id"))
        batch_op.drop_index(batch_op.f("ix_background_request_project_id"))
        batch_op.drop_index(batch_op.f("ix_background_request_run_id"))

    op.drop_table("background_request")
    with op.batch_alter_table("incoming_archive", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_incoming_archive_file_id"))
        batch_op.drop_index(batch_op.f("ix_incoming_archive_user_id"))

    op.drop_table("incoming_archive")
    with op.batch_alter_table("stored_file", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stored_file_expires_at"))
        batch_op.drop_index(batch_op.f("ix_stored_file_run_id"))
        batch_op.drop_index(batch_op.f("ix_stored_file_user_id"))
        batch_op.drop_index("ix_stored_file_project_id_kind")

    op.drop_table("stored_file")
    op.drop_table("audit_event")
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
    with op.batch_alter_table("team_turn", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_team_turn_used"))

    op.drop_table("team_turn")
    op.drop_table("team_limit")
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
    with op.batch_alter_table("slot_reference", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_slot_reference_task_id"))

    op.drop_table("slot_reference")
    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_slot_storage_id"))

    op.drop_table("slot")
    with op.batch_alter_table("export_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_export_link_task_id"))
        batch_op.drop_index(batch_op.f("ix_export_link_annotation_id"))

    op.drop_table("export_link")
    with op.batch_alter_table("annotation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_annotation_task_id"))
        batch_op.drop_index("ix_annotation_project_id_id")

    op.drop_table("annotation")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index("ix_task_open")
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
    op.drop_table("login_limit")
    op.drop_table("identity")
    op.drop_table("invitation")
    op.drop_table("one_time_link")
    op.drop_table("organization_member")
    op.drop_table("project")
    op.drop_table("user_account")
    op.drop_table("organization")
    op.drop_table("schema_floor")

"""The settings that every storage has, whatever its provider, and their validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from labeldock.contract.errors import InvalidInput
from labeldock.contract.options import ADVANCED
from labeldock.contract.values import Problem, Purpose
from labeldock.db.types import escape_text
from labeldock.services.exporting.kinds import Layout, Payload
from labeldock.services.schedules import parse_schedule

MAX_PRESIGN_TTL: Final = 7 * 24 * 60  # minutes; what S3 and GCS V4 signatures allow


class StorageFields(BaseModel):
    """What is asked of a storage beside its provider's own settings."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True
    )

    title: str | None = Field(
        default=None, max_length=256, description="Name shown to people."
    )
    description: str | None = Field(default=None, description="Free text.")
    prefix: str = Field(
        default="", description="Only objects below this folder-like prefix."
    )
    literal_prefix: Annotated[bool, ADVANCED] = Field(
        default=False, description="Take the prefix as raw text, not as a folder."
    )
    synchronizable: bool = Field(default=True, description="May be synced by hand.")
    schedule: str | None = Field(
        default=None,
        max_length=100,
        description="When it is synced by itself, in UTC: a cron expression, or an "
        "interval such as `every 15 minutes`.",
    )

    @field_validator("schedule")
    @classmethod
    def _is_understood(cls, value: str | None) -> str | None:
        if value:
            parse_schedule(value).find_next(datetime.now(UTC))
        return value or None

    @field_validator("*")
    @classmethod
    def _can_be_stored(cls, value: object) -> object:
        if isinstance(value, str) and escape_text(value) != value:
            raise ValueError("may not hold U+0000")
        return value


class ImportFields(StorageFields):
    """Further settings of an import storage."""

    recursive_scan: bool = Field(default=False, description="Include sub-folders.")
    regex_filter: str | None = Field(
        default=None, description="RE2 pattern that a whole key has to begin with."
    )
    use_blob_urls: bool = Field(
        default=False,
        description="One task per object; otherwise objects are files of tasks.",
    )
    on_change: Literal["report", "update", "flag"] = Field(
        default="report",
        description="Objects that changed after their import: count them, give their "
        "tasks the new contents, or mark the tasks.",
    )
    presign: bool = Field(
        default=True, description="Redirect browsers to a signed URL; else stream."
    )
    presign_ttl: int = Field(
        default=15, ge=1, le=MAX_PRESIGN_TTL, description="Minutes a URL is valid."
    )

    @field_validator("regex_filter")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value:
            compile_pattern(value)
        return value or None


class ExportFields(StorageFields):
    """Further settings of an export storage."""

    regex_filter: str | None = Field(default=None, description="Not used on export.")
    use_blob_urls: bool = Field(default=False, description="Not used on export.")
    can_delete_objects: bool | None = Field(
        default=None, description="Remove an object when its annotation is deleted."
    )
    payload: Payload | None = Field(
        default=None,
        description="What is written: annotation, annotation_with_task or task; left "
        "out, as LABELDOCK_FUTURE_SAVE_TASK_TO_STORAGE says.",
    )
    key_template: str | None = Field(
        default=None, description="Key below the prefix, e.g. {annotation.id}.json."
    )
    layout: Layout = Field(
        default=Layout.FILES,
        description="files: one for each item; jsonl: one, replaced by each run; "
        "parquet: one for each run.",
    )
    indent: bool = Field(default=False, description="Indent the JSON of files.")
    max_workers: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Uploads at a time; left out, 4 for each processor, at most 8.",
    )
    export_on_save: bool = Field(
        default=True, description="Write an annotation whenever it is saved."
    )
    save_only_new_annotations: bool = Field(
        default=False,
        description="A sync writes only what is new or changed since it was written.",
    )


FIELD_MODELS: Final[Mapping[Purpose, type[StorageFields]]] = {
    Purpose.IMPORT: ImportFields,
    Purpose.EXPORT: ExportFields,
}


@dataclass(frozen=True, slots=True)
class StorageDraft:
    """A storage as somebody describes it: flat values, common and provider's own."""

    project_id: int
    purpose: Purpose
    provider: str
    values: Mapping[str, Any]


def split_values(
    purpose: Purpose, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part flat values into the common fields and the provider's own."""
    common = FIELD_MODELS[purpose].model_fields
    ours = {k: v for k, v in values.items() if k in common}
    return ours, {k: v for k, v in values.items() if k not in common}


def validate_fields(purpose: Purpose, values: Mapping[str, Any]) -> StorageFields:
    """The common fields, checked.

    Raises:
        InvalidInput: with a problem per field.
    """
    given = {k: v for k, v in values.items() if v is not None}
    try:
        return FIELD_MODELS[purpose].model_validate(given)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
        problems = [
            Problem(
                str(d["loc"][0]) if d["loc"] else None,
                d["msg"].removeprefix("Value error, "),
                code=d["type"],
            )
            for d in details
        ]
        raise InvalidInput(
            "The storage's settings are not valid.", problems=problems
        ) from None


def compile_pattern(pattern: str) -> Any:  # re2 has no type of its own
    """A pattern that matches in linear time.

    Raises:
        ValueError: it is not RE2 syntax (which has no lookaheads and backreferences).
    """
    import re2  # noqa: PLC0415  3 MB, and most storages have no pattern

    try:
        options = re2.Options()
        options.log_errors = False
        return re2.compile(pattern, options)
    except re2.error as error:
        (reason,) = error.args
        text = reason.decode() if isinstance(reason, bytes) else reason
        raise ValueError(
            f"not a valid RE2 pattern ({text}); lookaheads and backreferences "
            "are not supported"
        ) from None


def join_prefix(prefix: str, *, is_literal: bool) -> str:
    """The raw prefix of the keys: it ends in "/" unless it is meant literally."""
    if is_literal or not prefix:
        return prefix
    folder = prefix.strip("/")
    return f"{folder}/" if folder else ""

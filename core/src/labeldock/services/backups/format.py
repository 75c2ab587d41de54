"""What a backup archive holds: its entries and the shape of each, by version.

Both sides use these models, the one that writes archives and the one that reads them.
docs/reference/backup-format.md is the page about it, and the JSON Schema beside it is
made of these models.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

FORMAT: Final = "labeldock-backup"
VERSION: Final = 1
"""The version of the format that this release writes; it reads this one and earlier."""

MANIFEST: Final = "manifest.json"
PROJECT: Final = "project.json"
STORAGES: Final = "storages.jsonl"
TASKS: Final = "tasks.jsonl"
ANNOTATIONS: Final = "annotations.jsonl"
PREDICTIONS: Final = "predictions.jsonl"
REFERENCES: Final = "references.jsonl"
MEDIA: Final = "media.jsonl"
UPLOADS: Final = "uploads.jsonl"

ENTRIES: Final = (
    PROJECT, STORAGES, TASKS, ANNOTATIONS, PREDICTIONS, REFERENCES, MEDIA, UPLOADS,
)  # fmt: skip
"""The entries that every archive has beside the manifest, each once."""

MEDIA_NAME: Final = re.compile(r"media/[0-9]{9}(?:\.[a-z0-9]{1,8})?")
UPLOAD_NAME: Final = re.compile(r"uploads/[0-9]{9}(?:\.[a-z0-9]{1,8})?")
"""What copies of objects and uploaded files are called in an archive."""

Kind = Literal["full", "lightweight"]
Scope = Literal["project", "selection", "task"]
Count = Annotated[int, Field(ge=0)]
Position = Annotated[int, Field(ge=1)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Time = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)$")
]
"""A time in UTC, as RFC 3339 writes it."""


class Record(BaseModel):
    """Anything in an archive; a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Entry(Record):
    """An entry of the archive: its name, bytes when unpacked, and their SHA-256."""

    name: str
    size: Count
    sha256: Digest


class Counts(Record):
    """How many records each entry has.

    `media` are the objects in the archive, `media_bytes` their bytes, `missing` those
    that could not be read when it was made.
    """

    storages: Count
    tasks: Count
    annotations: Count
    predictions: Count
    references: Count
    media: Count
    media_bytes: Count
    missing: Count
    uploads: Count


class Manifest(Record):
    """manifest.json: what the archive is. It has no time in it.

    `entries` are all but this one and those below media/ and uploads/, whose checksums
    stand in media.jsonl and uploads.jsonl.
    """

    format: Literal["labeldock-backup"]
    version: Annotated[int, Field(ge=1)]
    kind: Kind
    scope: Scope
    counts: Counts
    entries: tuple[Entry, ...]


class ProjectRecord(Record):
    """project.json: the project itself, whatever part of its tasks is in the archive.

    `upload_path` is what the paths of its uploaded files begin with in tasks' data.
    """

    title: str
    description: str
    label_config: str
    maximum_annotations: Annotated[int, Field(ge=1)]
    interface: dict[str, Any] | None
    upload_path: str


class StorageRecord(Record):
    """storages.jsonl: a place that media lie in, or annotations are written to.

    Attributes:
        name: what the other entries call it.
        purpose: `import` for a slot of media, `export` for where annotations went.
        provider: the name of its provider.
        title: what people called it.
        base_uri: what URIs of its objects begin with, before the key.
        prefix: what the keys that belong to it begin with.
        options: settings of the provider, without secrets.
        settings_version: the version of these settings.
        secrets: the names of the secrets that it needs.
        settings: how it was synced and served.
        media: whether its objects are in the archive (`included`) or named only
            (`references`).
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    purpose: Literal["import", "export"]
    provider: str
    title: str | None
    base_uri: str
    prefix: str
    options: dict[str, Any]
    settings_version: int
    secrets: tuple[str, ...]
    settings: dict[str, Any]
    media: Literal["references", "included"]


class TaskRecord(Record):
    """tasks.jsonl: one task; `task` counts them from 1, in the order of the lines.

    How much was said about it is told here, so that it can be added in one go.
    """

    task: Position
    inner_id: int
    data: Any
    meta: Any
    overlap: int
    allow_skip: bool
    is_labeled: bool
    total_annotations: Count
    cancelled_annotations: Count
    total_predictions: Count
    created_at: Time
    updated_at: Time


class AnnotationRecord(Record):
    """annotations.jsonl: what somebody said, in the order of the tasks.

    `completed_by` is an e-mail address, or null if that is not known.
    """

    task: Position
    result: Any
    was_cancelled: bool
    ground_truth: bool
    lead_time: float | int | None
    completed_by: str | None
    created_at: Time
    updated_at: Time


class PredictionRecord(Record):
    """predictions.jsonl: what a model said, in the order of the tasks."""

    task: Position
    result: Any
    score: float | int | None
    model_version: str
    created_at: Time
    updated_at: Time


class ReferenceRecord(Record):
    """references.jsonl: the object that a task was made from, in the order of tasks.

    Without a task, at the end, it is one that is to stay away (`kept_away`). A row of a
    file has numbers, an object that is one task has -1 for both.
    """

    task: Position | None
    slot: str
    key: str
    row_group: Annotated[int, Field(ge=-1)]
    row_index: Annotated[int, Field(ge=-1)]
    state: Literal["linked", "kept_away"]
    etag: str
    size: Count
    last_modified: Time | None


class MissingProblem(Record):
    """Why an object is not in the archive."""

    code: str
    message: str


class MediaRecord(Record):
    """media.jsonl: a copy of an object, in the order of slot and key.

    `entry` is its place in the archive; null with a `problem` if it could not be read.
    """

    slot: str
    key: str
    entry: str | None
    etag: str
    size: Count
    sha256: Digest | None
    content_type: str | None
    problem: MissingProblem | None


class UploadRecord(Record):
    """uploads.jsonl: a file that somebody uploaded, in the order of the names."""

    name: str
    entry: str
    size: Count
    sha256: Digest
    content_type: str


RECORDS: Final[dict[str, type[Record]]] = {
    MANIFEST: Manifest,
    PROJECT: ProjectRecord,
    STORAGES: StorageRecord,
    TASKS: TaskRecord,
    ANNOTATIONS: AnnotationRecord,
    PREDICTIONS: PredictionRecord,
    REFERENCES: ReferenceRecord,
    MEDIA: MediaRecord,
    UPLOADS: UploadRecord,
}
"""By entry: the model of the document, or of each line."""


def build_schema() -> dict[str, Any]:
    """The JSON Schema of all records, each a definition by the name of its entry."""
    definitions: dict[str, Any] = {}
    for name, model in RECORDS.items():
        schema = TypeAdapter(model).json_schema(
            ref_template="#/$defs/{model}", mode="validation"
        )
        definitions |= schema.pop("$defs", {})
        definitions[name] = schema
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{FORMAT} {VERSION}",
        "description": "The entries of a backup archive, or the lines of them.",
        "$defs": definitions,
    }

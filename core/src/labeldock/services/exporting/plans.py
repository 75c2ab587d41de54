"""How an export storage wants its files: what is in them, and how they are named."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, Protocol

from labeldock.contract.errors import InvalidInput
from labeldock.contract.values import Problem
from labeldock.services.exporting.kinds import Layout, Payload
from labeldock.services.exporting.templates import check_template, is_unique
from labeldock.services.storage_fields import join_prefix
from labeldock.settings import Settings

SHAPING_FIELDS: Final = ("payload", "key_template", "layout")
"""Fields that decide which files there are; when one changes, all are written anew."""

PACE_FIELDS: Final = (
    "indent", "max_workers", "export_on_save", "save_only_new_annotations",
)  # fmt: skip
"""Further fields of export storages."""

BUNDLE_TEMPLATES: Final = {
    Layout.JSONL: "project-{project.id}.jsonl",
    Layout.PARQUET: "project-{project.id}-run-{run.id}.parquet",
}


class Shaped(Protocol):
    """What has the columns of a storage that a plan is made from."""

    project_id: int
    prefix: str
    literal_prefix: bool
    payload: str | None
    key_template: str | None
    layout: str
    indent: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What an export storage holds, and under which keys; `template` None: numbers."""

    project_id: int
    prefix: str
    payload: Payload
    layout: Layout
    template: str | None
    extension: str
    indent: bool

    @property
    def is_by_task(self) -> bool:
        """Whether an item is a task, and not an annotation."""
        return self.payload is Payload.TASK

    @property
    def is_unique(self) -> bool:
        """Whether two items can never come under one key."""
        return self.template is None or is_unique(self.template, self.payload)


def build_plan(settings: Settings, storage: Shaped) -> Plan:
    """The plan of a storage, with the operator's choice where it leaves one open."""
    payload = choose_payload(settings, storage.payload)
    layout = Layout(storage.layout)
    has_extension = (
        payload is Payload.TASK and settings.future_save_task_to_storage_json_ext
    )
    template = storage.key_template or BUNDLE_TEMPLATES.get(layout)
    return Plan(
        project_id=storage.project_id,
        prefix=join_prefix(storage.prefix, is_literal=storage.literal_prefix),
        payload=payload,
        layout=layout,
        template=template,
        extension=".json" if has_extension else "",
        indent=storage.indent,
    )


def choose_payload(settings: Settings, payload: str | None) -> Payload:
    """What is written where a storage does not say: single annotations, or tasks."""
    if payload is not None:
        return Payload(payload)
    by_task = settings.future_save_task_to_storage
    return Payload.TASK if by_task else Payload.ANNOTATION


def choose_workers(wanted: int | None) -> int:
    """How many uploads go on at a time."""
    return wanted or min(8, (os.cpu_count() or 1) * 4)


def complete_fields(settings: Settings, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of an export storage that fit together; a template fixes the payload.

    Raises:
        InvalidInput: they do not, with a problem per field.
    """
    payload, layout = fields["payload"], Layout(fields["layout"])
    if layout is Layout.PARQUET:
        payload = payload if payload == Payload.TASK else Payload.ANNOTATION_WITH_TASK
    elif fields["key_template"]:
        payload = choose_payload(settings, payload)
    problems = [*_check_layout(payload, layout)]
    if fields["key_template"] and not problems:
        problems += _check_template(fields["key_template"], payload, layout)
    if problems:
        raise InvalidInput("The storage's settings are not valid.", problems=problems)
    return {
        **fields,
        "payload": payload,
        "key_template": fields["key_template"] or None,
    }


def _check_layout(payload: str | None, layout: Layout) -> list[Problem]:
    if layout is not Layout.PARQUET:
        return []
    if payload == Payload.TASK:
        remedy = "Choose annotation_with_task, or the layout files or jsonl."
        return [Problem("payload", "Parquet has a row for each annotation.", remedy)]
    if find_spec("pyarrow") is None:
        remedy = "Install it: pip install 'labeldock[app,parquet]'"
        return [Problem("layout", "Parquet needs pyarrow.", remedy)]
    return []


def _check_template(template: str, payload: str, layout: Layout) -> list[Problem]:
    try:
        check_template(template, Payload(payload), layout)
    except ValueError as error:
        remedy = "For example {task.inner_id}-{annotation.id}.json, or leave it out."
        return [Problem("key_template", f"The template {error}.", remedy)]
    return []

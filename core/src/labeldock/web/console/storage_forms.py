"""Forms of storages, made from the settings model of whatever provider is installed.

The layout is the one that the API tells (`web.api.storage_forms`); here it gets groups,
and what a browser sends is turned into values again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from labeldock.contract.values import Purpose
from labeldock.host.binding import BoundProvider
from labeldock.services.storages import StorageView
from labeldock.web.api.storage_forms import build_form
from labeldock.web.console.forms import Form

_WHAT: Final = frozenset(
    {"prefix", "literal_prefix", "recursive_scan", "regex_filter", "use_blob_urls"}
)
_WHEN: Final = frozenset(
    {"synchronizable", "schedule", "on_change", "export_on_save"}
    | {"save_only_new_annotations"}
)
_LABELS: Final = {
    "literal_prefix": "Take the prefix literally",
    "recursive_scan": "Include sub-folders",
    "regex_filter": "Filter",
    "use_blob_urls": "What an object is",
    "synchronizable": "May be synced",
    "on_change": "When an object has changed",
    "presign": "Send browsers to the storage",
    "presign_ttl": "Minutes that a link is valid",
    "can_delete_objects": "Delete files with their annotation",
    "payload": "What a file holds",
    "key_template": "Names of files",
    "layout": "How many files",
    "indent": "Indent JSON",
    "max_workers": "Uploads at a time",
    "export_on_save": "Write when an annotation is saved",
    "save_only_new_annotations": "A sync writes only what is new",
}
_OPTIONS: Final = {
    "report": "Count it, and change nothing",
    "update": "Give its tasks the new contents",
    "flag": "Mark its tasks",
    "files": "One for each item",
    "jsonl": "One file of JSON lines, replaced by each run",
    "parquet": "A Parquet file for each run",
    "annotation": "The annotation",
    "annotation_with_task": "The annotation with its task",
    "task": "The task with its annotations",
}
_NAMES: Final = {"aws": "AWS", "s3": "S3", "uri": "URI", "url": "URL", "id": "ID"}
_ALWAYS_ASKED: Final = "use_blob_urls"


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form.

    `kind` is `text`, `password`, `number`, `switch` or `choice` (with `options`, pairs
    of value and words).
    """

    name: str
    label: str
    kind: str
    help: str = ""
    is_required: bool = False
    default: Any = ""
    options: tuple[tuple[str, str], ...] = ()
    is_nullable: bool = False
    is_advanced: bool = False


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields that belong together."""

    title: str
    fields: tuple[FormField, ...]

    @property
    def usual(self) -> tuple[FormField, ...]:
        """Those that most people need."""
        return tuple(field for field in self.fields if not field.is_advanced)

    @property
    def advanced(self) -> tuple[FormField, ...]:
        """Those that are shown to whoever asks for more."""
        return tuple(field for field in self.fields if field.is_advanced)

    def hides(self, form: Form) -> bool:
        """Whether the further fields may stay folded: nothing is set or wrong there."""
        return not any(
            form.errors(field.name) or self._is_set(field, form)
            for field in self.advanced
        )

    def _is_set(self, field: FormField, form: Form) -> bool:
        if field.kind == "switch":
            return form.is_on(field.name) != bool(field.default)
        return str(form.value(field.name, field.default)) != str(field.default)


def list_groups(bound: BoundProvider, purpose: Purpose) -> list[FieldGroup]:
    """The fields of a provider's storages for a purpose, in groups."""
    names, own, common = (row["fields"] for row in build_form(bound, purpose))
    rest = [_view_field(field) for field in common]
    return [
        FieldGroup("Name", _view_all(names)),
        FieldGroup(bound.info.title, _view_all(own)),
        FieldGroup("Which objects", tuple(f for f in rest if f.name in _WHAT)),
        FieldGroup("When", tuple(f for f in rest if f.name in _WHEN)),
        FieldGroup(
            "How they are served" if purpose is Purpose.IMPORT else "What is written",
            tuple(f for f in rest if f.name not in _WHAT | _WHEN),
        ),
    ]


def list_fields(groups: Iterable[FieldGroup]) -> list[FormField]:
    """The fields of all groups."""
    return [field for group in groups for field in group.fields]


def read_values(
    fields: Iterable[FormField], sent: Mapping[str, Any], *, keeps_secrets: bool
) -> dict[str, Any]:
    """What a browser sent, as the values of a storage.

    A box that is not ticked is not sent. With `keeps_secrets`, a secret that is left
    empty is left out, so that what is stored stays.
    """
    values: dict[str, Any] = {}
    for field in fields:
        text = sent.get(field.name)
        if field.kind == "switch":
            values[field.name] = text is not None
        elif field.kind == "password" and not text and keeps_secrets:
            continue
        elif text is not None and (text != "" or field.is_nullable):
            values[field.name] = _parse(field, str(text))
        elif text == "" and field.kind == "text" and not field.is_required:
            values[field.name] = "" if field.default == "" else field.default
    return values


def show_values(fields: Iterable[FormField], storage: StorageView) -> dict[str, Any]:
    """The values of a saved storage, as a form shows them; secrets are not among it."""
    known = {**storage.fields, **storage.settings}
    return {
        field.name: known[field.name]
        for field in fields
        if field.kind != "password" and known.get(field.name) is not None
    }


def _parse(field: FormField, text: str) -> Any:
    if field.kind == "choice" and field.name == _ALWAYS_ASKED:
        return text == "True"
    if text == "":
        return None
    return text


def _view_all(fields: Iterable[Mapping[str, Any]]) -> tuple[FormField, ...]:
    return tuple(map(_view_field, fields))


def _view_field(field: Mapping[str, Any]) -> FormField:
    kind = {"toggle": "switch", "counter": "number", "select": "choice"}.get(
        field["type"], field["type"]
    )
    options = tuple(
        (str(each["value"]), _OPTIONS.get(str(each["value"]), str(each["label"])))
        for each in field.get("options", ())
    )
    is_choice_left_open = kind == "choice" and "value" not in field
    if is_choice_left_open and field["name"] != _ALWAYS_ASKED:
        options = (("", "Not set"), *options)
    return FormField(
        name=field["name"],
        label=_LABELS.get(field["name"]) or _say(field["label"]),
        kind=kind,
        help=field.get("description", "").replace("`", ""),
        is_required=field["required"],
        default=field.get("value", ""),
        options=options,
        is_nullable="value" not in field,
        is_advanced=field.get("advanced", False),
    )


def _say(label: str) -> str:
    """A label whose abbreviations are written as such."""
    words = label.split(" ")
    return " ".join(_NAMES.get(word.lower(), word) for word in words)

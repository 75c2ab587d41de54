"""The reference page of the settings, made from their models.

python -m labeldock.cli.settings_reference > docs/reference/settings.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

from labeldock.contract.options import OperatorOptions
from labeldock.host import load_catalog
from labeldock.settings import PREFIX, SETTINGS_FILE, Settings

_HEAD: Final = f"""\
# Settings

<!-- Made by: python -m labeldock.cli.settings_reference >docs/reference/settings.md -->

They are read once, when a process starts: from its environment, and from the file
`{SETTINGS_FILE}` in the home folder. The environment wins.
`labeldock doctor` says what is wrong with them.

*Read by* says whose environment counts. *Web* is `labeldock serve`; *worker* is
whoever does runs: `labeldock worker`, a terminal command that does one itself, and
`labeldock serve` while there is no broker. *All* are these, and every command.
Give all processes of an installation the same settings, and none of these questions
comes up.
Lists are separated by commas. What stands for no value is *none*.
"""
_COLUMNS: Final = """
| setting | default | unit | read by | what it decides |
|---|---|---|---|---|
"""
_OPERATOR: Final = """
## Providers

What the operator sets for a provider as a whole; every process reads it.
What a single storage is asked for stands on [the page of the providers](providers.md).
Lists are separated by `:`, or given as JSON.
"""
_ELSEWHERE: Final = """
## Beside them

| variable | read by | what it decides |
|---|---|---|
| `LABELDOCK_DEBUG` | commands | 1: show tracebacks, as `--debug` does |
"""
_GROUPS: Final = (
    ("Places", ("home", "database_", "broker_", "secret_", "public_", "persistent_")),
    ("Log and metrics", ("log_", "metrics_", "audit_", "traces")),
    ("Plug-ins and outgoing requests", ("providers_", "strict_", "egress_")),
    ("Requests", ("request_", "rate_", "cors_", "token_")),
    ("Teams", ("team_",)),
    ("Logging in with OpenID", ("openid_",)),
    ("Workers and runs", (
        "worker_", "poll_", "storage_in_", "stall_", "max_", "slice_", "run_", "turn_",
    )),
    ("Imports", (
        "page_", "listing_", "partitioning", "part_", "read_", "task_", "sync_",
        "event",
    )),
    ("Exports and webhooks", ("future_", "webhook_")),
    ("Media", ("resolver_", "media_", "upload_")),
    ("Backups", ("backup_", "restore_")),
)  # fmt: skip
_REST: Final = "Others"
_UNITS: Final = {
    "projects": ("_projects",),
    "storages": ("_storages",),
    "members": ("_members",),
    "bytes": ("_bytes", "_buffer_size", "_range_size", "_thumbnail_cache"),
    "days": ("_days",),
    "hours": ("_hours",),
    "pixels": ("_pixels",),
    "seconds": (
        "_timeout", "_timer", "_limit", "_interval", "_seconds", "_wait", "_delay",
    ),
    "requests a second": ("rate_limit", "rate_limit_strangers"),
    "requests": ("rate_limit_burst",),
    "threads": ("_threads", "team_max_runs"),
    "pages": ("_pages",),
    "objects": ("page_size", "part_size", "_objects"),
    "tasks": ("_rows", "_batch_size", "_tasks"),
    "levels": ("_depth",),
    "times": ("_ratio",),
    "characters": ("_length",),
    "attempts": ("_attempts",),
    "entries": ("_entries",),
    "streams": ("_streams",),
    "connections": ("connections",),
    "number of an organisation": ("_organization",),
}  # fmt: skip
_ALL: Final = (
    "home", "database_url", "broker_url", "secret_key", "persistent_storage", "log_",
    "providers_", "strict_", "egress_", "page_size", "slice_", "stall_limit",
    "max_attempts", "storage_in_", "token_", "traces",
)  # fmt: skip
_WORKER: Final = (
    "turn_", "team_max_runs",
    "worker_threads", "poll_interval", "run_keep", "audit_keep", "webhook_keep",
    "webhook_timeout", "webhook_threads", "backup_keep", "read_", "listing_",
    "partitioning", "part_size", "event_delay", "restore_max_ratio",
    "restore_max_entries",
)  # fmt: skip
_WEB: Final = (
    "metrics_", "audit_media", "request_max_depth", "rate_", "cors_", "openid_",
    "resolver_", "media_", "upload_", "events_", "sync_wait",
)  # fmt: skip


def render_reference() -> str:
    """The page."""
    return "".join(
        [_HEAD, *_render_settings(), _OPERATOR, *_render_providers(), _ELSEWHERE]
    )


def find_unit(name: str, field: FieldInfo) -> str:
    """What a number counts; empty for what is no number."""
    if not _is_number(field.annotation):
        return ""
    exact = (unit for unit, ends in _UNITS.items() if name in ends)
    loose = (unit for unit, ends in _UNITS.items() if name.endswith(ends))
    return next(exact, "") or next(loose, "")


def find_readers(name: str) -> str:
    """Which processes a setting counts for: `all`, `web`, `worker`, or two of them."""
    if name.startswith(_WEB):
        return "web"
    if name.startswith(_WORKER):
        return "worker"
    return "all" if name.startswith(_ALL) else "web, worker"


def _render_settings() -> Iterator[str]:
    titles = [*(title for title, _ in _GROUPS), _REST]
    grouped: dict[str, list[str]] = {title: [] for title in titles}
    for name in Settings.model_fields:
        grouped[_find_group(name)].append(name)
    for title, names in grouped.items():
        if names:
            yield f"\n## {title}\n{_COLUMNS}"
            yield from map(_render_setting, names)


def _find_group(name: str) -> str:
    titles = (title for title, starts in _GROUPS if name.startswith(starts))
    return next(titles, _REST)


def _render_setting(name: str) -> str:
    field = Settings.model_fields[name]
    cells = [
        f"`{PREFIX}{name.upper()}`",
        _render_default(field),
        _render_unit(name, field),
        find_readers(name),
        _render_meaning(name, field),
    ]
    return _join(cells)


def _render_providers() -> Iterator[str]:
    for bound in load_catalog(environment={}, strict=True).providers:
        info = bound.info
        if info.operator_options.model_fields:
            yield f"\n### {info.title}\n\n| setting | default | unit | what it decides "
            yield "|\n|---|---|---|---|\n"
            yield from _render_options(info.name, info.operator_options)


def _render_options(provider: str, model: type[OperatorOptions]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        variable = f"{PREFIX}{provider}_{name}".upper().replace("-", "_")
        extra = field.json_schema_extra
        others = extra.get("env", []) if isinstance(extra, dict) else []
        told = _escape(field.description or "") + _render_others(others)
        unit = _render_unit(name, field)
        yield _join([f"`{variable}`", _render_default(field), unit, told])


def _render_default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr) or value in {None, "", ()}:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _render_unit(name: str, field: FieldInfo) -> str:
    words = [find_unit(name, field), _render_bounds(field)]
    return ", ".join(filter(None, words))


def _render_bounds(field: FieldInfo) -> str:
    """`1 to 64`, `above 0`, or the words that may be said."""
    kind = field.annotation
    if get_origin(kind) is Literal:
        return " or ".join(f"`{word}`" for word in get_args(kind))
    if kind is bool:
        return "`true` or `false`"
    limits = {
        name: getattr(each, name)
        for each in field.metadata
        for name in ("gt", "ge", "le")
        if hasattr(each, name)
    }
    most = f" to {limits['le']}" if "le" in limits else ""
    if "gt" in limits:
        return f"above {limits['gt']}{most}"
    if "ge" not in limits:
        return ""
    return f"{limits['ge']}{most}" if most else f"at least {limits['ge']}"


def _render_meaning(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    names = alias.choices if isinstance(alias, AliasChoices) else []
    others = [str(each) for each in names if each != f"{PREFIX}{name.upper()}"]
    return _escape(field.description or "") + _render_others(others)


def _render_others(names: Any) -> str:  # JSON values, in what a provider declares
    if not names:
        return ""
    return f" Also read: {', '.join(f'`{name}`' for name in names)}."


def _is_number(annotation: Any) -> bool:  # what typing calls a special form
    kinds = {annotation, *get_args(annotation)}
    return bool(kinds & {int, float})


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _join(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    sys.stdout.write(render_reference())

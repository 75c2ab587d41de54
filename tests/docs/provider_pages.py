"""The reference page of the providers, written from what they say and what was shown.

`./dev conform all` plays every scenario for every provider and writes the page;
`python -m tests.docs.provider_pages` writes anew what the providers say of themselves,
and keeps the table of scenarios that is there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from labeldock.contract import (
    OperatorOptions,
    ProviderInfo,
    endpoint_fields,
    secret_fields,
)
from labeldock.host import load_catalog
from labeldock.testing.memory import MemoryProvider
from tests.architecture.sources import ROOT

PAGE = ROOT / "docs/reference/providers.md"
MARK = "## Scenarios\n"
HEADER = """# Providers

<!-- Written by `./dev conform all`; a test keeps it current. -->

What each provider says of itself, and what the
[conformance kit](../provider-authors/conformance.md) showed.
`memory` is the reference provider of the kit; nobody connects it.

"""
SHOWN = """
Each provider was held to every scenario, against the server that its column names.
`n/a`: the situation cannot exist there. `unclaimed`: the provider does not claim it.
`xfail`: the server that stands in for the cloud is known to be wrong.

"""


def list_infos() -> list[ProviderInfo]:
    """Those of this repository, by name, and the reference."""
    catalog = load_catalog(environment={}, strict=True)
    found = [bound.info for bound in catalog.providers]
    return [*found, MemoryProvider().describe()]


def render_page(table: str) -> str:
    """The whole page, with a table of scenarios as the kit prints it."""
    return HEADER + "\n".join(render_declared()) + MARK + SHOWN + table


def render_declared() -> Iterator[str]:
    """What the providers say of themselves."""
    infos = list_infos()
    yield "## Abilities\n"
    yield from _render_abilities(infos)
    for info in infos[:-1]:
        yield f"\n## {info.title}\n"
        yield from _render_provider(info)


def read_table(page: str) -> str:
    """The table of scenarios that is on a page."""
    return page.partition(MARK + SHOWN)[2]


def _render_abilities(infos: list[ProviderInfo]) -> Iterator[str]:
    yield _join(["", *(f"`{info.name}`" for info in infos)])
    yield "|---" * (len(infos) + 1) + "|"
    yield _join(["URIs", *(f"`{info.schemes[0]}://`" for info in infos)])
    yield _join(["type in the API", *(f"`{info.names[0]}`" for info in infos)])
    yield _join(["signs URLs", *(info.signing.value for info in infos)])
    for field in fields(infos[0].capabilities):
        values = (getattr(info.capabilities, field.name) for info in infos)
        yield _join([f"`{field.name}`", *map(_render_value, values)])


def _render_provider(info: ProviderInfo) -> Iterator[str]:
    model = info.import_options
    secrets, addresses = secret_fields(model), endpoint_fields(model)
    yield "| setting | default | |"
    yield "|---|---|---|"
    for name, field in model.model_fields.items():
        marks = ["secret"] * (name in secrets) + ["address"] * (name in addresses)
        mark = f" ({', '.join(marks)})" if marks else ""
        text = f"{_escape(field.description or '')}{mark}"
        yield _join([f"`{name}`", _render_default(field), text])
    yield from _render_operator(info.name, info.operator_options)


def _render_operator(name: str, model: type[OperatorOptions]) -> Iterator[str]:
    if not model.model_fields:
        return
    yield "\n| variable of the operator | default | |"
    yield "|---|---|---|"
    for field_name, field in model.model_fields.items():
        variable = f"`LABELDOCK_{name}_{field_name}`".upper()
        text = _escape(field.description or "")
        yield _join([variable, _render_default(field), text])


def _render_default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    return _render_value(field.get_default(call_default_factory=True))


def _render_value(value: Any) -> str:  # of any setting
    if value in (None, (), "") or isinstance(value, SecretStr):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _join(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Write the page, with the table in the file that is named, or the present one."""
    given = sys.argv[1:]
    table = Path(given[0]).read_text("utf-8") if given else read_table(PAGE.read_text())
    PAGE.write_text(render_page(table), "utf-8")


if __name__ == "__main__":
    main()

"""The catalogue of scenarios as a page of the documentation shows it.

`python -m labeldock.testing.catalogue` prints what stands between the markers of
`docs/provider-authors/conformance.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from labeldock.testing.scenarios import Scenario, list_scenarios
from labeldock.testing.suites import ProviderSuite

FAMILIES: Final = {
    "A": "Annotations: saving and deleting",
    "E": "Errors and life",
    "L": "Listing",
    "P": "Presigning",
    "R": "Reading",
    "V": "Validation",
}


def render_catalogue() -> str:
    """Every scenario, in a table per family."""
    found = list_scenarios(ProviderSuite)
    families = groupby(found, key=lambda each: each.rank[0])
    sections = [_render_family(FAMILIES[key], rows) for key, rows in families]
    return "\n\n".join(sections) + "\n"


def _render_family(heading: str, scenarios: Iterator[Scenario]) -> str:
    lines = [f"### {heading}", "", "| id | scenario | needs |", "|---|---|---|"]
    for each in scenarios:
        needs = f"`{each.needs}`" if each.needs else ""
        lines.append(f"| {each.id} | {each.title} | {needs} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(render_catalogue())

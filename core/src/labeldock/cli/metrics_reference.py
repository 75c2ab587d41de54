"""The reference page of the metrics, made from their definitions.

python -m labeldock.cli.metrics_reference > docs/reference/metrics.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from labeldock.metrics import FAMILIES, Family
from labeldock.services import backlog
from labeldock.services.quotas import metering

_HEAD: Final = """\
# Metrics

<!-- Made by: python -m labeldock.cli.metrics_reference > docs/reference/metrics.md -->

Prometheus reads them at `/metrics` of the web service, with the bearer token of \
`LABELDOCK_METRICS_TOKEN` or an administrator's, and at the port of \
`labeldock worker --metrics-port`.
All web processes of one `labeldock serve` answer with their numbers together.
See [Watch a service](../how-to/watch-a-service.md).

| name | kind | labels | what it is |
|---|---|---|---|
"""


def render_reference() -> str:
    """The page."""
    return _HEAD + "".join(map(_render, sorted(_list_families())))


def _list_families() -> Iterator[Family]:
    yield from FAMILIES
    for each, labels in (*backlog.build_families(), *metering.build_families()):
        text = f"{each.documentation} Asked of the database at each look; web only."
        yield Family(each.name, each.type, labels, text)


def _render(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels) or "none"
    return f"| `{family.name}` | {family.kind} | {labels} | {family.text} |\n"


if __name__ == "__main__":
    sys.stdout.write(render_reference())

"""The pytest plug-in `labeldock`: it guards conformance suites and reports on them.

Every pytest session of whoever installs the kit loads it, so it is thin: what it needs
is imported when a suite is collected, or a report of one arrives.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from labeldock.testing.faults import Faults
    from labeldock.testing.support import SupportTable

SUITES = "labeldock.testing.suites"
PROPERTY = "labeldock_scenario"

pytest.register_assert_rewrite(SUITES, "labeldock.testing.connection")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("labeldock", "Labeldock's conformance kit")
    group.addoption(
        "--labeldock-table",
        metavar="FILE",
        type=Path,
        help="write the table of conformance scenarios to FILE, as Markdown",
    )
    group.addoption(
        "--labeldock-complete",
        action="store_true",
        help="fail if a provider of this workspace is not held to every scenario",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the part that keeps something."""
    config.pluginmanager.register(_Reporter(config), "labeldock-reporter")


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> None:
    """Refuse a suite class that leaves scenarios out."""
    if inspect.isclass(obj) and _is_suite(obj) and collector.classnamefilter(name):
        from labeldock.testing import collection  # noqa: PLC0415  see the docstring

        if faults := collection.find_suite_faults(obj):
            raise collector.CollectError(f"{obj.__name__}: " + "; ".join(faults))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell each scenario its name, and expect the faults that are known."""
    ours = [item for item in items if _is_scenario(item)]
    if ours:
        from labeldock.testing import collection  # noqa: PLC0415  see the docstring

        for item in ours:
            collection.prepare_item(item)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look for providers without a suite, if asked to."""
    if session.config.getoption("--labeldock-complete"):
        from labeldock.testing import collection  # noqa: PLC0415  see the docstring

        collection.check_completeness(session.items, session.config.rootpath)


@pytest.fixture
def labeldock_faults() -> Iterator[Faults]:
    """Faults to inject into a provider; one that never fired fails the test."""
    from labeldock.testing.faults import Faults  # noqa: PLC0415  see the docstring

    with Faults() as faults:
        yield faults


class _Reporter:
    """Collects the reports of scenarios and shows them at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._table: SupportTable | None = None
        self._others = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if any(name == PROPERTY for name, _ in report.user_properties):
            self._load_table().add_report(report)
        else:
            self._others += 1

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # not exported
        if self._table is None:
            return
        terminalreporter.section("labeldock support table")
        # In a session of other tests too, a hundred lines would drown the rest.
        lines = (
            self._table.render_summary() if self._others else self._table.render_text()
        )
        for line in lines:
            terminalreporter.line(line)
        if path := self._config.getoption("--labeldock-table"):
            path.write_text(self._table.render_markdown(), encoding="utf-8")

    def _load_table(self) -> SupportTable:
        if self._table is None:
            from labeldock.testing.support import SupportTable  # noqa: PLC0415  late

            self._table = SupportTable()
        return self._table


def _is_suite(kind: type) -> bool:
    return any(
        base.__module__.startswith(f"{SUITES}.") for base in inspect.getmro(kind)
    )


def _is_scenario(item: pytest.Item) -> bool:
    kind = getattr(item, "cls", None)
    return inspect.isclass(kind) and _is_suite(kind)

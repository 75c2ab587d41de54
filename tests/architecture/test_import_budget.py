"""What an import costs: the modules that it brings along.

Each case runs in an interpreter of its own and is compared with a bare one.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CONTRACT = {
    "labeldock",
    "pluggy",
    "pydantic",
    # what pydantic itself stands on
    "annotated_types",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
}

BUDGETS = {
    "labeldock": {"labeldock"},
    "labeldock.contract": CONTRACT,
    "labeldock.host": CONTRACT,
    "labeldock_local.plugin": CONTRACT | {"labeldock_local"},
    "labeldock_s3.plugin": CONTRACT | {"labeldock_s3"},
    "labeldock_gcs.plugin": CONTRACT | {"labeldock_gcs"},
    "labeldock_azure.plugin": CONTRACT | {"labeldock_azure"},
}

# Nobody who only asks for help waits for these.
HEAVY = {
    "PIL",
    "alembic",
    "azure",
    "boto3",
    "botocore",
    "cryptography",
    "dramatiq",
    "google.cloud",
    "jinja2",
    "opentelemetry",
    "psycopg",
    "pyarrow",
    "redis",
    "sqlalchemy",
    "sqlmodel",
    "starlette",
    "uvicorn",
}

# What a service needs now and then, or never: `./dev bench startup` weighs the rest.
SPARED = {
    "PIL",
    "alembic",
    "authlib",
    "azure.core",
    "boto3",
    "google.cloud",
    "joserfc",
    "opentelemetry",
    "psycopg",
    "pyarrow",
    "re2",
    "redis",
    "requests",
    "rich",
}

SERVICE = """
import labeldock.cli.serving
import labeldock.jobs.bell, labeldock.jobs.broker, labeldock.jobs.worker
import labeldock.services.context, labeldock.web.app
"""

# The modules go to a file of their own: the command may print what it likes.
PROBE = """
import sys
{statement}
import json
with open(sys.argv[1], "w") as report:
    json.dump(sorted(sys.modules), report)
"""

HELP = """
path, sys.argv[1:] = sys.argv[1], ["--help"]
try:
    from labeldock.__main__ import main
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
sys.argv[1:] = [path]
"""


@pytest.fixture
def load(tmp_path):
    """Which modules a fresh interpreter has after a statement."""

    def run(statement):
        report = tmp_path / "modules.json"
        code = PROBE.format(statement=statement)
        done = subprocess.run(
            [sys.executable, "-c", code, str(report)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return set(json.loads(report.read_text()))

    return run


@pytest.fixture
def bring(load):
    """The top-level packages that a statement brings, beyond the standard library."""

    def run(statement):
        new = {name.split(".")[0] for name in load(statement) - load("")}
        return {name for name in new if not _is_standard(name)}

    return run


def _is_standard(name):
    # The build's own data has a name that tells the platform.
    return name in sys.stdlib_module_names or name.startswith("_sysconfigdata_")


@pytest.mark.parametrize("module", BUDGETS)
def test_an_import_brings_what_its_budget_allows(bring, module):
    brought = bring(f"import {module}")

    assert brought <= BUDGETS[module]
    assert module.split(".")[0] in brought


def test_labeldock_alone_brings_nothing_slow_of_the_standard_library(load):
    slow = {"asyncio", "email", "importlib.metadata", "logging", "sqlite3", "ssl"}

    assert not slow & (load("import labeldock") - load(""))


def test_the_contract_is_loaded_when_a_name_of_it_is_used(bring):
    assert "pydantic" in bring("import labeldock; labeldock.ProviderInfo")


def test_help_loads_no_web_queue_database_or_cloud_package(load):
    loaded = load(HELP)

    assert not HEAVY & loaded
    assert "labeldock.cli" in loaded


def test_an_embedded_service_holds_nothing_that_it_may_never_use(load):
    loaded = load(SERVICE)

    assert not SPARED & loaded
    assert {"labeldock.web.app", "starlette", "dramatiq"} <= loaded


@pytest.mark.parametrize("module", ["sqlalchemy", "starlette", "dramatiq"])
def test_a_heavy_import_is_noticed(load, module):
    assert HEAVY & load(f"import {module}")


def test_an_import_over_its_budget_is_noticed(bring):
    assert not bring("import labeldock, orjson") <= BUDGETS["labeldock"]

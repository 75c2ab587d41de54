"""The reference page of the settings says what the models and the code say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labeldock.cli.settings_reference import find_readers, find_unit, render_reference
from labeldock.settings import PREFIX, Settings
from tests.architecture.sources import CORE, list_modules

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
ROW = re.compile(r"^\| `(LABELDOCK_\w+)` \| (.*)\|$", re.MULTILINE)
# Properties of the settings that are read in place of a field.
BY_NAME = "team_max_"  # read by the name of the limit, in services/quotas
BEHIND = {"egress_private": "permits_private_egress", "database_url": "database_url"}


@pytest.fixture(scope="module")
def users():
    """Setting -> the packages below `labeldock` whose modules read it."""
    names = {BEHIND.get(name, name): name for name in Settings.model_fields}
    read = re.compile(rf"\.(?:effective_)?({'|'.join(names)})\b")
    found = {name: set() for name in Settings.model_fields}
    for module in list_modules(CORE):
        parts = module.name.split(".")
        if len(parts) > 1 and not parts[1].endswith("settings"):
            for word in read.findall(module.text):
                found[names[word]].add(parts[1])
    return found


def test_the_page_is_current():
    assert PAGE.read_text("utf-8") == render_reference(), (
        "run: python -m labeldock.cli.settings_reference > docs/reference/settings.md"
    )


def test_every_setting_is_on_it_once():
    told = [name for name, _ in ROW.findall(render_reference())]

    assert len(told) == len(set(told))
    assert {f"{PREFIX}{name}".upper() for name in Settings.model_fields} <= set(told)


def test_every_number_has_a_unit_and_nothing_else_has():
    for name, field in Settings.model_fields.items():
        is_number = re.search(r"\b(int|float)\b", str(field.annotation)) is not None
        assert bool(find_unit(name, field)) == is_number, f"add {name} to _UNITS"


def test_every_setting_has_a_meaning():
    for name, field in Settings.model_fields.items():
        assert (field.description or "").endswith("."), name


def test_every_setting_is_read_where_the_page_says(users):
    for name, found in users.items():
        packages, told = found - {"cli"}, find_readers(name)
        assert found or name.startswith(BY_NAME), f"nobody reads {name}"
        if packages == {"web"}:
            assert told in {"web", "all", "web, worker"}, name
        if packages == {"jobs"}:
            assert told in {"worker", "all"}, name
        assert told != "worker" or "web" not in packages, name
        assert told != "web" or "jobs" not in packages, name


def test_the_settings_of_providers_are_on_it():
    told = dict(ROW.findall(render_reference()))

    assert "LOCAL_FILES_DOCUMENT_ROOT" in told["LABELDOCK_LOCAL_ROOTS"]
    assert "seconds" in told["LABELDOCK_S3_READ_TIMEOUT"]

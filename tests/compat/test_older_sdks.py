"""Older generations of the SDK, and the `Client` that all of them carry."""

from __future__ import annotations

import pytest

from tests.compat import expectations
from tests.compat.environments import NEWEST

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

EVERYTHING = (
    expectations.expect_versions_and_users,
    expectations.expect_projects,
    expectations.expect_tasks,
    expectations.expect_annotations,
    expectations.expect_predictions,
    expectations.expect_import,
    expectations.expect_local_storages,
    expectations.expect_s3_storages,
    expectations.expect_errors,
)
LABELS = expectations.RESULT


@pytest.mark.parametrize("version", ["2.0.23", "1.0.20"])
def test_an_older_sdk_gets_what_the_newest_gets(run_script, service, version):
    said = run_script("script.py", version, service.token, version)

    assert said["sdk"] == version
    for expect in EVERYTHING:
        expect(said)


@pytest.mark.parametrize("version", [NEWEST, "1.0.20"])
def test_scripts_of_the_first_generation_run(run_script, service, version):
    said = run_script("legacy_script.py", version, service.token, f"legacy-{version}")

    assert said["connection"] == {"status": "UP"}
    assert said["users"] == [expectations.EMAIL]
    assert said["listed"][0] == "Old birds"
    _expect_work(said)
    _expect_storage(said)
    kept = [task["id"] for task in said["tasks"]][1:]
    assert said["after_some"][:-1] == kept  # the last one came from the folder
    assert said["after_all"] == said["views"] == []


def _expect_work(said):
    first, second = said["ids"]
    assert said["of_files"] == [
        {"image": "https://x/c.jpg", "place": "coast"},
        {"image": "https://x/d.jpg"},
    ]
    assert said["annotation"]["result"] == LABELS
    assert said["annotation"]["ground_truth"] is True
    assert said["prediction"]["score"] == 0.5
    assert said["many"]["created"] == 1
    assert [task["id"] for task in said["tasks"]][:2] == [first, second]
    assert said["tasks"][1]["meta"] == {"place": "harbour"}
    assert [task["id"] for task in said["selected"]] == [first]
    assert said["labeled"] == [first]
    assert said["unlabeled"][0] == second
    assert first not in said["unlabeled"]
    assert [task["id"] for task in said["exported"]] == [first]


def _expect_storage(said):
    assert said["storage"]["type"] == "localfiles"
    assert said["synced"]["status"] == "completed"
    assert said["synced"]["last_sync_count"] == 1
    assert said["exports"] == []

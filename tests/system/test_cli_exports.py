"""What an export storage holds, asked and mended in a terminal."""

from __future__ import annotations

import json

import pytest

from labeldock.services.annotations import create_annotation, update_annotation
from labeldock.services.tasks import create_task
from tests.system.terminal import Terminal


@pytest.fixture
def terminal(home, folder):
    return Terminal(home, folder)


@pytest.fixture
def labels(folder):
    (folder / "labels").mkdir()
    return folder / "labels"


@pytest.fixture
def storage_id(terminal, project, labels):
    words = ["--project", project.id, "--export", "--path", labels]
    template = ["--key-template", "{annotation.id}.json", "--indent", "true"]
    return terminal.ask("storage", "add", "local", *words, *template)["id"]


@pytest.fixture
def made(app, owner, project, storage_id):
    task = create_task(app, owner.principal, project.id, {"n": 1})
    return [
        create_annotation(app, owner.principal, task.id, {"result": []}).id
        for _ in range(3)
    ]


def test_what_is_missing_is_found_and_written_again(
    terminal, app, owner, storage_id, made, labels
):
    run = terminal.ask("storage", "sync", storage_id)
    assert run["counts"]["delivered"] == 3
    (labels / f"{made[0]}.json").unlink()
    (labels / "else.json").write_text("{}")

    found = terminal.run("storage", "verify", storage_id, code=1)
    repaired = terminal.ask("storage", "verify", storage_id, "--repair")
    well = terminal.run("storage", "verify", storage_id)

    assert "3 objects: 2 known, 1 missing, 0 changed, 1 foreign." in found.stdout
    assert f"missing: {made[0]}.json" in found.stdout
    assert (repaired["repaired"], repaired["ok"]) == (1, True)
    assert "0 missing" in well.stdout
    assert json.loads((labels / f"{made[0]}.json").read_text())["id"] == made[0]

    update_annotation(app, owner.principal, made[1], {"lead_time": 1})
    again = terminal.ask("storage", "sync", storage_id, "--only-new")
    assert again["counts"]["total"] == 1


def test_what_failed_is_listed_and_tried_again(terminal, storage_id, made, labels):
    (labels / f"{made[1]}.json").mkdir()
    run = terminal.ask("storage", "sync", storage_id, code=1)
    assert run["state"] == "completed_with_errors"

    failed = terminal.ask("storage", "deliveries", storage_id)
    table = terminal.run("storage", "deliveries", storage_id, "--state", "delivered")
    still = terminal.run("storage", "retry", storage_id, code=1)
    (labels / f"{made[1]}.json").rmdir()
    done = terminal.run("storage", "retry", storage_id, "--id", failed[0]["id"])

    assert [each["key"] for each in failed] == [f"{made[1]}.json"]
    assert failed[0]["problem"]["message"]
    assert f"{made[0]}.json" in table.stdout
    assert "Some failed" in still.stderr
    assert "Tried 1 again." in done.stdout
    assert terminal.ask("storage", "deliveries", storage_id) == []
    assert (labels / f"{made[1]}.json").is_file()


def test_a_template_that_will_not_do_is_refused(terminal, project, labels):
    words = ["--project", project.id, "--export", "--path", labels]

    said = terminal.refuse("storage", "add", "local", *words, "--key-template", "x")

    assert "key_template" in said
    assert "every item the same key" in said

"""The command line from an empty home to annotation files, and what it shows."""

from __future__ import annotations

import csv
import io
import json
import subprocess

import pytest

from labeldock.services.annotations import create_annotation
from tests.system.terminal import COMMAND, Terminal

SECRET = "correct horse battery"


@pytest.fixture
def terminal(home, folder):
    return Terminal(home, folder)


@pytest.fixture
def pictures(folder):
    for name in ("a.png", "b.png", "c.png"):
        (folder / name).write_bytes(b"\x89PNG")
    return folder


@pytest.fixture
def project_id(project):
    return project.id


@pytest.fixture
def storage_id(terminal, project_id, pictures):
    added = terminal.ask(
        "storage", "add", "local", "--project", project_id, "--blob", "--path", pictures
    )
    return added["id"]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path, pictures):
    """A terminal before anything was done."""
    terminal = Terminal(tmp_path / "new-home", pictures)
    if request.param == "postgresql":
        terminal.environment |= {
            "LABELDOCK_DATABASE_URL": request.getfixturevalue("postgres_url"),
            "LABELDOCK_SECRET_KEY": "a key that is long enough",
        }
        terminal.run("migrate")
    return terminal


def test_an_empty_home_becomes_a_project_with_tasks(empty, tmp_path, pictures):
    config = tmp_path / "config.xml"
    config.write_text('<View><Image name="image" value="$image"/></View>')

    empty.run("user", "create", "--admin", "--email", "me@example.org", stdin=SECRET)
    token = empty.run("token", "create", "--email", "me@example.org").stdout
    empty.run("project", "create", "--title", "Birds", "--label-config", config)
    words = ["--project", "1", "--blob", "--path", pictures]
    empty.run("storage", "add", "local", *words)
    synced = empty.run("storage", "sync", "1")
    exported = empty.run("export", "--project", "1")

    assert len(token.strip()) == 40
    assert synced.stdout == "Run 1 completed: 3 seen, 3 new, 3 created.\n"
    keys = [task["data"]["image"] for task in json.loads(exported.stdout)]
    assert keys == [f"local://{pictures}/{name}.png" for name in "abc"]
    assert empty.ask("project", "list")[0]["task_number"] == 3


def test_a_second_sync_creates_nothing(terminal, storage_id):
    terminal.run("storage", "sync", storage_id)

    run = terminal.ask("storage", "sync", storage_id)

    assert run["state"] == "completed"
    assert (run["counts"]["created"], run["counts"]["existed"]) == (0, 3)


def test_a_dry_run_says_what_a_sync_would_do(terminal, storage_id):
    told = terminal.run("storage", "sync", storage_id, "--dry-run").stdout
    shown = terminal.ask("run", "show", "1")

    assert told.splitlines() == [
        "Run 1 completed: 3 seen, 3 new.",
        *(f"  new       {name}.png" for name in "abc"),
        "Nothing was imported: this was a dry run.",
    ]
    assert [each["key"] for each in shown["objects"]] == ["a.png", "b.png", "c.png"]
    assert terminal.ask("project", "list")[0]["task_number"] == 0


def test_a_storage_is_shown_with_its_status_and_counts(terminal, storage_id, pictures):
    terminal.run("storage", "sync", storage_id)

    shown = terminal.ask("storage", "list")
    printed = terminal.run("storage", "list").stdout

    assert [storage["status"] for storage in shown] == ["completed"]
    assert shown[0]["last_success_count"] == 3
    assert f"local://{pictures}/" in printed
    assert "completed" in printed


def test_a_sync_with_errors_lists_them_and_does_not_succeed(
    terminal, project_id, folder
):
    (folder / "good.json").write_text('{"text": "fine"}')
    (folder / "bad.json").write_text("[{]")
    words = ["--project", project_id, "--path", folder]
    storage = terminal.ask("storage", "add", "local", *words)

    synced = terminal.run("storage", "sync", storage["id"], code=1)
    shown = terminal.ask("run", "show", "1")

    assert "completed with errors: 2 seen, 1 new, 1 created, 1 failed" in synced.stdout
    assert "bad.json row 0: Broken JSON in line 1" in synced.stderr
    assert [error["key"] for error in shown["errors"]] == ["bad.json"]


def test_files_that_failed_are_read_again_when_asked(terminal, project_id, folder):
    (folder / "rows.jsonl").write_text("{}\n{}\n")
    words = ["--project", project_id, "--path", folder]
    storage = terminal.ask("storage", "add", "local", *words)
    sync = ("storage", "sync", storage["id"])
    terminal.run(*sync, code=1, LABELDOCK_TASK_FILE_MAX_ROWS="1")
    terminal.run(*sync, code=1)

    again = terminal.run(*sync, "--retry-failed")

    assert "2 created" in again.stdout


def test_a_run_can_be_left_to_a_worker_cancelled_and_retried(terminal, storage_id):
    queued = terminal.run("storage", "sync", storage_id, "--no-wait")
    terminal.run("run", "cancel", "1")
    listed = terminal.ask("run", "list", "--storage", storage_id)
    retried = terminal.run("run", "retry", "1")

    assert "Run 1 is queued" in queued.stdout
    assert [(run["id"], run["state"]) for run in listed] == [(1, "cancelled")]
    assert "Run 1 completed" in retried.stdout
    assert "3 created" in terminal.run("run", "show", "1").stdout


def test_a_storage_is_changed_checked_and_removed(terminal, storage_id, pictures):
    terminal.run("storage", "sync", storage_id)

    updated = terminal.ask(
        "storage", "update", storage_id, "--title", "Gulls", "--set", "presign_ttl=30"
    )
    checked = terminal.run("storage", "validate", storage_id)
    for picture in pictures.iterdir():
        picture.unlink()
    pictures.rmdir()
    gone = terminal.run("storage", "validate", storage_id, code=1)
    terminal.run("storage", "remove", storage_id)

    assert updated["fields"]["title"] == "Gulls"
    assert updated["fields"]["presign_ttl"] == 30
    assert updated["settings"] == {"path": str(pictures)}
    assert "is available" in checked.stdout
    assert "path: " in gone.stderr
    assert terminal.ask("storage", "list") == []
    assert terminal.ask("project", "list")[0]["task_number"] == 3


def test_a_new_export_storage_receives_what_is_labelled_already(
    terminal, app, owner, project, storage_id, folder
):
    terminal.run("storage", "sync", storage_id)
    create_annotation(app, owner.principal, 1, {"result": []})
    (folder / "out").mkdir()
    words = ["--project", project.id, "--export", "--can-delete"]

    added = terminal.ask("storage", "add", "local", *words, "--path", folder / "out")
    run = terminal.ask("storage", "sync", added["id"])

    assert added["fields"]["can_delete_objects"] is True
    assert (added["purpose"], added["status"]) == ("export", "queued")
    assert (run["id"], run["state"]) == (added["run"]["id"], "completed")
    assert (run["counts"]["total"], run["counts"]["delivered"]) == (1, 1)
    assert json.loads((folder / "out" / "1").read_text())["task"] == 1


def test_a_token_is_revoked(terminal, owner):
    token = terminal.run("token", "create", "--email", owner.email).stdout.strip()

    terminal.run("token", "revoke", stdin=token)
    again = terminal.refuse("token", "revoke", token)

    assert "no such token" in again


def test_a_command_acts_as_somebody_else_with_their_rights(
    terminal, project_id, stranger
):
    refused = terminal.refuse(
        "export", "-p", project_id, "--as", stranger.email, code=1
    )

    assert "do not have permission" in refused


def test_a_project_is_exported_to_files(terminal, storage_id, project_id, tmp_path):
    terminal.run("storage", "sync", storage_id)
    lines, table = tmp_path / "tasks.jsonl", tmp_path / "tasks.csv"
    table.write_text("what was there before")

    note = terminal.run("export", "-p", project_id, "-f", "jsonl", "-o", lines)
    terminal.run("export", "-p", project_id, "-f", "csv", "-o", table)

    assert "3 tasks with 0 annotations" in note.stderr
    assert len([json.loads(line) for line in lines.read_text().splitlines()]) == 3
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [row["task_id"] for row in rows] == ["1", "2", "3"]
    assert sorted(tmp_path.glob("*.part")) == []


def test_a_reader_that_goes_away_is_no_error(terminal, storage_id, project_id):
    terminal.run("storage", "sync", storage_id)
    command = " ".join([*COMMAND, "export", "-p", str(project_id), "-f", "jsonl"])

    done = subprocess.run(
        ["sh", "-c", f"{command} | true"],
        env=terminal.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""


def test_plugins_are_listed_for_people_and_programs(terminal):
    listed = terminal.ask("plugins")
    printed = terminal.run("plugins").stdout

    local = next(entry for entry in listed if entry["name"] == "local")
    assert local["distribution"] == "labeldock-local"
    assert (local["status"], local["reason"]) == ("loaded", None)
    assert printed.splitlines()[0].split()[:2] == ["NAME", "KIND"]


def test_the_settings_of_a_provider_are_listed(terminal):
    fields = terminal.ask("storage", "fields", "localfiles")

    assert [field["option"] for field in fields] == ["--path"]
    assert fields[0]["required"] is True

"""The demo: from files to tasks to annotation files, as often as one likes."""

from __future__ import annotations

import json
import signal

import httpx2
import pytest
from PIL import Image

from labeldock.cli.demo.samples import make_samples
from tests.system.terminal import Terminal, fetch, read_address, stop

TABLES = ("user_account", "project", "storage", "task", "annotation", "export_link")


@pytest.fixture
def terminal(tmp_path):
    return Terminal(tmp_path / "home")


@pytest.fixture
def inventory(terminal):
    """How many rows there are of everything."""

    def count():
        selects = [f"(SELECT count(*) FROM {table})" for table in TABLES]
        row = terminal.query(f"SELECT {', '.join(selects)}")[0]
        return dict(zip(TABLES, row, strict=True))

    return count


def test_the_demo_goes_from_files_to_annotation_files_and_on(terminal, inventory):
    first = terminal.run("demo", "--exit").stdout
    made = inventory()
    second = terminal.run("demo", "--exit").stdout

    demo = terminal.home / "demo"
    written = sorted((demo / "exported").iterdir())
    assert made == {
        "user_account": 1, "project": 1, "storage": 3, "task": 42, "annotation": 8,
        "export_link": 8,
    }  # fmt: skip
    assert inventory() == made
    assert len(written) == 8
    assert json.loads(written[0].read_text())["completed_by"]["email"].startswith(
        "demo"
    )
    for printed in (first, second):
        assert "broken-on-purpose.json row 1: Broken JSON in line 4" in printed
        assert all(str(path) in printed for path in written)
    assert row_of(first, "Pictures") == ["30", "30", "0", "0"]
    assert row_of(first, "Task files") == ["3", "12", "0", "1"]
    assert row_of(second, "Pictures") == ["30", "0", "30", "0"]
    assert (demo / "login.txt").stat().st_mode & 0o777 == 0o600


def row_of(printed, title):
    line = next(line for line in printed.splitlines() if line.startswith(title))
    return line.removeprefix(title).split()[:4]


def test_a_folder_of_ones_own_becomes_tasks(terminal, inventory, tmp_path):
    folder = tmp_path / "my pictures"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.jpg").write_bytes(b"1")
    (folder / "deep" / "two.jpg").write_bytes(b"2")

    printed = terminal.run("demo", folder, "--exit").stdout
    terminal.run("demo", folder, "--exit")

    assert row_of(printed, "my pictures") == ["2", "2", "0", "0"]
    assert inventory()["task"] == 2
    assert inventory()["project"] == 1
    assert terminal.ask("project", "list")[0]["title"] == "Demo: my pictures"


def test_the_demo_serves_and_prints_a_link_that_logs_in_once(terminal):
    with terminal.start("demo", "--port", "0") as process:
        address = read_address(process.stdout)
        link = process.stdout.readline().split()[2]
        later = process.stdout.readline()
        answer = json.loads(fetch(f"{address}health"))
        page = fetch(link).decode()
        origin = {"Origin": address.rstrip("/")}
        first, again = (httpx2.post(link, headers=origin) for _ in range(2))
        code, _ = stop(process, signal.SIGINT)

    email, password = (terminal.home / "demo" / "login.txt").read_text().split()
    assert answer == {"status": "UP"}
    assert link.startswith(address)
    assert email in page
    assert (first.status_code, again.status_code) == (303, 404)
    assert "labeldock_session" in first.cookies
    assert email in later
    assert password not in later
    assert code == 0


def test_a_folder_that_cannot_be_used_is_refused_and_leaves_nothing(terminal, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()

    assert "folder: " in terminal.refuse("demo", tmp_path / "gone", "--exit")
    assert "not a folder" in terminal.refuse("demo", tmp_path / "file", "--exit")
    assert "no files" in terminal.refuse("demo", tmp_path / "empty", "--exit")
    assert "contains LABELDOCK_HOME" in terminal.refuse("demo", tmp_path, "--exit")
    assert not terminal.home.exists()


def test_roots_that_the_operator_set_are_respected(terminal, tmp_path):
    said = terminal.run(
        "demo", "--exit", code=2, LABELDOCK_LOCAL_ROOTS=str(tmp_path / "other")
    ).stderr

    assert "LABELDOCK_LOCAL_ROOTS is set" in said
    assert str(terminal.home / "demo") in said


def test_roots_of_before_are_kept(terminal, tmp_path):
    terminal.home.mkdir()
    settings = terminal.home / "labeldock.env"
    settings.write_text(f"# mine\nLABELDOCK_LOCAL_ROOTS={tmp_path}/other\nOWN=1\n")

    terminal.run("demo", "--exit")

    text = settings.read_text()
    assert f"{tmp_path}/other:{terminal.home}/demo/media:" in text
    assert f"{terminal.home}/demo:" not in text  # the login lies there
    assert "# mine" in text
    assert "OWN=1" in text


def test_samples_are_the_same_everywhere_and_left_alone(tmp_path):
    one, two = make_samples(tmp_path / "one"), make_samples(tmp_path / "two")
    (one.media / "star-1.png").write_bytes(b"mine")
    make_samples(tmp_path / "one")

    names = sorted(path.name for path in one.media.iterdir())
    assert len(names) == 30
    assert (one.media / "star-1.png").read_bytes() == b"mine"
    for path in sorted(two.media.iterdir())[:3]:
        assert path.read_bytes() == (one.media / path.name).read_bytes()
        with Image.open(path) as picture:
            assert (picture.format, picture.size) == ("PNG", (480, 360))

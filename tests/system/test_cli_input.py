"""Bad input at the terminal: a message with field and remedy, and nothing half made."""

from __future__ import annotations

import json

import pytest

from tests.system.terminal import Terminal


@pytest.fixture
def terminal(home, folder):
    return Terminal(home, folder)


@pytest.fixture
def project_id(project):
    return project.id


@pytest.fixture
def add(terminal, project_id):
    """Try to add a storage; gives what is said, and sees that nothing was made."""

    def run(*words, provider="local"):
        said = terminal.refuse("storage", "add", provider, "-p", project_id, *words)
        assert terminal.query("SELECT count(*) FROM storage") == [(0,)]
        return said

    return run


def test_a_folder_outside_the_allowed_roots_is_refused(add, tmp_path):
    said = add("--path", tmp_path)

    assert "path: " in said
    assert "LABELDOCK_LOCAL_ROOTS" in said


def test_a_missing_folder_is_refused(add, folder):
    said = add("--path", folder / "gone")

    assert "path: " in said
    assert "no such folder" in said
    assert "Create the folder" in said


def test_a_file_instead_of_a_folder_is_refused(add, folder):
    (folder / "file").touch()

    said = add("--path", folder / "file")

    assert "path: " in said
    assert "not a folder" in said


def test_a_folder_in_which_no_file_passes_the_filter_is_refused(add, folder):
    (folder / "a.png").touch()

    said = add("--path", folder, "--regex", "b")

    assert "regex_filter: No object passes the filter" in said
    assert "put .* before" in said


def test_a_folder_with_nothing_but_folders_is_refused(add, folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "a.png").touch()

    said = add("--path", folder)

    assert "recursive_scan: " in said


def test_a_pattern_that_is_not_re2_is_refused(add, folder):
    said = add("--path", folder, "--regex", "(?=x)")

    assert "regex_filter: " in said
    assert "lookaheads" in said


def test_an_unknown_provider_is_refused(add):
    said = add("--path", "/x", provider="floppy")

    assert "no provider 'floppy'; available: " in said
    assert "Install the package that brings it" in said
    assert "pip install" not in said


def test_an_unknown_option_is_named_with_those_that_are_known(add, folder):
    said = add("--pth", folder)

    assert "pth: unknown field 'pth'; known fields: path; did you mean path?" in said


def test_a_wrong_type_is_refused_with_its_field(add, folder):
    said = add("--path", folder, "--set", "recursive_scan=perhaps")

    assert "recursive_scan: " in said
    assert "boolean" in said


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--path"], "path: Needs a value"),
        (["stray"], "stray: Unexpected argument"),
        (["--set", "path"], "--set: Not of the form NAME=VALUE"),
        (["--set", "path=@env:NO_SUCH_NAME"], "path: The variable NO_SUCH_NAME is not"),
        (["--path", "@gone"], "path: gone: No such file"),
    ],
)
def test_words_that_cannot_be_understood_are_refused(add, words, text):
    assert text in add(*words)


def test_a_provider_that_does_not_come_first_is_asked_for(terminal, project_id):
    said = terminal.refuse("storage", "add", "--path", "/x", "local", "-p", project_id)

    assert "PROVIDER: Missing before --path" in said


def test_things_that_are_not_there_are_named(terminal):
    assert "Project 9 does not exist" in terminal.refuse("export", "-p", "9")
    assert "no storage 9" in terminal.refuse("storage", "sync", "9")
    assert "Run 9 does not exist" in terminal.refuse("run", "show", "9")


def test_a_home_without_users_says_how_to_make_one(tmp_path):
    said = Terminal(tmp_path / "home").refuse("project", "create", "--title", "Birds")

    assert "no administrator" in said
    assert "labeldock user create --admin" in said


def test_a_weak_password_and_a_wrong_address_are_told_together(terminal):
    said = terminal.refuse("user", "create", "--email", "nobody", stdin="short")

    assert "email: Not an e-mail address. Give name@host." in said
    assert "password: Too short. Use at least 8 characters." in said
    assert "short" not in said.replace("Too short", "")


def test_an_address_that_is_taken_is_wrong_input(terminal):
    words = ("user", "create", "--email", "twice@example.org", "--password")
    terminal.run(*words, "a good password")

    said = terminal.refuse(*words, "another password")

    assert "There is a user twice@example.org already." in said
    assert "email: Give another address." in said


def test_errors_are_json_for_those_who_asked_for_json(terminal):
    gone = terminal.run("storage", "list", "-p", 99, "--json", code=2)
    weak = terminal.run(
        "user", "create", "--email", "no", "--password", "x", "--json", code=2
    )

    assert (gone.stdout, weak.stdout) == ("", "")
    assert json.loads(gone.stderr)["error"] == {
        "code": "not_found",
        "message": "Project 99 does not exist.",
        "field": "project",
        "remedy": "See those that exist with: labeldock project list",
    }
    error = json.loads(weak.stderr)["error"]
    assert error["code"] == "invalid_input"
    assert [p["field"] for p in error["problems"]] == ["email", "password"]


def test_a_setting_that_is_wrong_is_named(terminal):
    said = terminal.refuse("project", "list", LABELDOCK_PAGE_SIZE="many")

    assert "LABELDOCK_PAGE_SIZE" in said


def test_a_database_that_is_away_is_told_without_its_password(terminal, free_port):
    url = f"postgresql://somebody:geheim@127.0.0.1:{free_port}/labels"

    said = terminal.refuse("project", "list", code=1, LABELDOCK_DATABASE_URL=url)

    assert "database cannot be used" in said
    assert "geheim" not in said


@pytest.fixture
def free_port():
    from tests.servers.process import free_port

    return free_port()


def test_an_export_that_fails_leaves_the_old_file(terminal, tmp_path):
    target = tmp_path / "tasks.json"
    target.write_text("what was there before")

    terminal.refuse("export", "-p", "9", "-o", target)

    assert target.read_text() == "what was there before"
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []

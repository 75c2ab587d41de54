"""Storages declared in a file: made, changed, kept, removed; and what is refused."""

from __future__ import annotations

import pytest

from labeldock.cli.apply import _carry_out, _plan
from labeldock.cli.declarations import read_declarations
from labeldock.cli.operating import Operation
from labeldock.contract import InvalidInput, Purpose
from labeldock.db.tables import Storage
from labeldock.services import storages
from labeldock.services.connections import load_secrets
from tests.core.scripted import ScriptedProvider
from tests.system.terminal import Terminal

LOCAL = """
storages:
  - project: Birds
    title: Pictures
    provider: local
    use_blob_urls: true
    schedule: every 15 minutes
    options:
      path: {folder}
  - project: {project}
    title: Results
    purpose: export
    provider: local
    options: {{path: {folder}/out}}
"""


@pytest.fixture
def memory():
    provider = ScriptedProvider()  # it has a secret
    provider.create_bucket("media")
    return provider


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "storages.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def apply(app, owner, write):
    """Apply a file in this process; gives outcome and changes of each storage."""
    operation = Operation(app, owner.principal)

    def run(text, *, prune=False):
        path = write(text)
        plans = _plan(operation, path, read_declarations(path), prune=prune)
        for place, plan in plans:
            _carry_out(operation, path, place, plan)
        return [(plan.step.value, plan.changes) for _, plan in plans]

    return run


@pytest.fixture
def shown(app, owner, project):
    def show(purpose=Purpose.IMPORT):
        return storages.list_storages(app, owner.principal, project.id, purpose)

    return show


def refuse(apply, text):
    """The problems of a file that is refused, place by place."""
    with pytest.raises(InvalidInput) as refusal:
        apply(text)
    assert "storages.yaml" in refusal.value.message
    return {p.field: f"{p.message} {p.remedy or ''}" for p in refusal.value.problems}


def test_a_file_is_applied_from_the_terminal_and_again(home, folder, project, write):
    terminal = Terminal(home, folder)
    (folder / "out").mkdir()
    (folder / "a.png").write_bytes(b"\x89PNG")
    path = write(LOCAL.format(folder=folder, project=project.id))

    dry = terminal.run("apply", path, "--dry-run", "--as", "owner@example.org")
    assert dry.stdout.count("would be created") == 2
    assert terminal.query("SELECT count(*) FROM storage") == [(0,)]

    first = terminal.run("apply", path)
    assert first.stdout.count("created") == 2
    again = terminal.ask("apply", path)
    assert [done["outcome"] for done in again] == ["unchanged", "unchanged"]

    path.write_text(path.read_text().replace("every 15 minutes", "every day"))
    [changed, _] = terminal.ask("apply", path)
    assert (changed["outcome"], changed["changes"]) == ("updated", ["schedule"])


def test_a_bad_file_is_told_with_its_place_and_exit_code(home, folder, project, write):
    terminal = Terminal(home, folder)
    path = write(LOCAL.format(folder=folder / "gone", project=999))

    said = terminal.refuse("apply", path)

    assert "storages.yaml cannot be applied" in said
    assert "storages[1].project: Project 999 does not exist" in said
    assert terminal.query("SELECT count(*) FROM storage") == [(0,)]


MEMORY = """
storages:
  - project: Birds
    title: One
    provider: memory
    use_blob_urls: true
    options: {bucket: media, password: {env: BIRDS_PASSWORD}}
"""


@pytest.fixture
def one(put_object, project, monkeypatch):
    put_object("a.jpg")
    monkeypatch.setenv("BIRDS_PASSWORD", "first")


@pytest.mark.usefixtures("one")
def test_a_secret_is_taken_from_where_it_is_named(apply, app, shown, monkeypatch):
    assert apply(MEMORY) == [("create", ())]
    assert apply(MEMORY) == [("keep", ())]

    monkeypatch.setenv("BIRDS_PASSWORD", "second")
    assert apply(MEMORY) == [("update", ("password",))]

    [view] = shown()
    with app.database.read() as session:
        assert load_secrets(app, session, view.id) == {"password": "second"}
        assert "second" not in repr(session.get(Storage, view.id).model_dump())


@pytest.mark.usefixtures("one")
def test_a_secret_in_a_file_beside_it(apply, tmp_path, shown):
    (tmp_path / "secret.txt").write_text("from a file\n")

    apply(MEMORY.replace("{env: BIRDS_PASSWORD}", "{file: secret.txt}"))

    assert shown()[0].secrets_set == ("password",)


@pytest.mark.usefixtures("one")
def test_what_is_not_mentioned_stays(apply, app, owner, shown):
    apply(MEMORY)
    [view] = shown()
    changes = {"description": "by hand", "presign": False}
    storages.update_storage(app, owner.principal, view.id, view.purpose, changes)

    assert apply(MEMORY) == [("keep", ())]
    assert shown()[0].fields["description"] == "by hand"


@pytest.mark.usefixtures("one")
def test_what_is_not_declared_is_removed_only_when_asked(apply, connect, shown):
    other = connect(title="By hand")
    apply(MEMORY)
    assert len(shown()) == 2

    assert apply(MEMORY, prune=True) == [("keep", ()), ("remove", ())]

    assert other.id not in {view.id for view in shown()}
    assert len(shown()) == 1


@pytest.mark.usefixtures("one")
def test_a_storage_that_cannot_be_used_is_told_and_those_before_it_stay(apply, shown):
    text = (
        MEMORY
        + """
  - project: Birds
    title: Two
    provider: memory
    options: {bucket: gone}
"""
    )

    problems = refuse(apply, text)

    assert list(problems) == ["storages[1].bucket"]
    assert [view.fields["title"] for view in shown()] == ["One"]


def entry(**changes):
    values = {
        "project": "Birds",
        "title": "One",
        "provider": "memory",
        "options": "{bucket: media}",
        **changes,
    }
    lines = [f"{name}: {value}" for name, value in values.items() if value is not None]
    return "storages:\n  - " + "\n    ".join(lines) + "\n"


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("", "storages", "list of storages is missing"),
        ("storages: 5", "storages", "list of storages is missing"),
        ("a: [", "line 1, column 5", "Not valid YAML"),
        ("a: 1\na: 2", "line 2, column 1", "given twice"),
        ("!!python/object/apply:os.system [ls]", "line 1, column 1", "Not valid YAML"),
        ("\x00", None, "Not valid YAML"),
        ("[" * 5000, None, "Not valid YAML"),
        ("storages: []\nstorage: []", "storage", "Unknown"),
        ("storages: [text]", "storages[0]", "mapping"),
        (entry(project=None), "storages[0].project", "Missing"),
        (entry(project="Fish"), "storages[0].project", "labeldock project create"),
        (entry(project="true"), "storages[0].project", "Text is required"),
        (entry(title=None), "storages[0].title", "Missing"),
        (entry(title="5"), "storages[0].title", "in quotes"),
        (entry(provider="nobody"), "storages[0].provider", "nobody"),
        (entry(purpose="both"), "storages[0].purpose", "import or export"),
        (entry(options="text"), "storages[0].options", "mapping"),
        (entry(bucket="media"), "storages[0].bucket", "Given twice"),
        (entry(schedule="soon"), "storages[0].schedule", "not a schedule"),
        (entry(colour="red"), "storages[0].colour", ""),
        (entry(options="{bucket: media, level: -1}"), "storages[0].level", "0"),
        (
            entry(options="{bucket: media, password: inthefile}"),
            "storages[0].password",
            "{env: VARIABLE}",
        ),
        (
            entry(options="{bucket: media, password: {env: NO_SUCH_THING}}"),
            "storages[0].password",
            "NO_SUCH_THING is not set",
        ),
        (
            entry(options="{bucket: media, password: {file: gone.txt}}"),
            "storages[0].password",
            "gone.txt: No such file",
        ),
        (
            entry(options="{bucket: media, password: {env: }}"),
            "storages[0].password",
            "missing",
        ),
        (
            entry() + entry().removeprefix("storages:\n"),
            "storages[1].title",
            "The same",
        ),
    ],
)
def test_bad_input_names_its_place_and_what_to_do(apply, shown, text, place, said):
    problems = refuse(apply, text)

    assert place in problems
    assert said in problems[place]
    assert "inthefile" not in problems[place]
    assert shown() == []


@pytest.mark.usefixtures("one")
def test_everything_that_is_wrong_is_told_at_once(apply):
    text = entry(title=None, purpose="both") + "  - text\n"

    assert set(refuse(apply, text)) == {
        "storages[0].title",
        "storages[0].purpose",
        "storages[1]",
    }


def test_a_file_that_is_too_large_or_missing_is_refused(apply, tmp_path):
    assert "larger" in refuse(apply, "#" * (1024 * 1024 + 1))[None]
    with pytest.raises(InvalidInput, match="cannot be applied"):
        read_declarations(tmp_path / "gone.yaml")


@pytest.mark.usefixtures("one")
def test_two_storages_of_one_title_are_told_apart_by_nobody(apply, connect):
    connect(title="One")
    connect(title="One")

    problems = refuse(apply, entry())

    assert "have the same title" in problems["storages[0].title"]


@pytest.mark.usefixtures("one")
def test_a_storage_of_another_provider_is_not_taken_over(apply, connect, folder):
    connect(title="One")

    problems = refuse(apply, entry(provider="local", options=f"{{path: {folder}}}"))

    assert "of the provider memory" in problems["storages[0].provider"]

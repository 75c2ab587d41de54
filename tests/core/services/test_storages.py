from __future__ import annotations

import time
from dataclasses import replace

import pytest
from sqlmodel import select, update

from labeldock.contract import (
    Availability,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    Problem,
    Purpose,
    StorageError,
    UnknownProvider,
    ValidationReport,
    hookimpl,
)
from labeldock.db.tables import ImportLink, Run, Storage, StorageSecret, Task
from labeldock.services import leases, storages
from labeldock.services.connections import load_connection
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.working import work_slice
from labeldock.testing.plugins import build_catalog
from tests.core.concurrency import Background, run_at_once
from tests.core.scripted import FailAt, ScriptedProvider

SECRET = "s3cret-of-the-bucket"
REFUSAL = "not valid|cannot be used|cannot be replaced"
BLOBS = {"use_blob_urls": True, "recursive_scan": True}


@pytest.fixture(autouse=True)
def _objects(bucket):
    bucket.put_all({"a.json": '{"n": 1}', "b.jpg": "JFIF"})


def change(place, storage, **values):
    return storages.update_storage(
        place.app, place.owner, storage.id, storage.purpose, values
    )


def rows(app, table):
    with app.database.read() as session:
        return session.exec(select(table)).all()


def expect_problem(act, *fields):
    """Call it, and give the problems that it is refused with, by field."""
    with pytest.raises(InvalidInput, match=REFUSAL) as caught:
        act()
    assert [problem.field for problem in caught.value.problems] == list(fields)
    return caught.value.problems


# Connecting


def test_a_storage_is_connected_and_shown(place):
    made = place.add(title="Birds", level=3, password=SECRET, **BLOBS)

    shown = place.show(made)

    assert shown == made
    assert (shown.status, shown.run, shown.attention) == ("initialized", None, None)
    assert shown.fields["title"] == "Birds"
    assert shown.settings == {"bucket": "media", "level": 3}
    assert (shown.secrets_set, shown.base_uri) == (("password",), "memory://media/")
    assert (shown.provider, shown.api_type, shown.provider_title) == (
        "memory", "memory", "Memory",
    )  # fmt: skip


def test_an_alias_of_a_provider_names_it_too(place):
    assert place.add(provider="memory").provider == "memory"
    draft = StorageDraft(place.project, Purpose.IMPORT, "inmemory", {"bucket": "media"})

    assert storages.add_storage(place.app, place.owner, draft).provider == "memory"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"regex_filter": "(?=a)"}, "regex_filter"),
        ({"regex_filter": "("}, "regex_filter"),
        ({"regex_filter": 5}, "regex_filter"),
        ({"presign_ttl": 0}, "presign_ttl"),
        ({"presign_ttl": 99_999}, "presign_ttl"),
        ({"use_blob_urls": "maybe"}, "use_blob_urls"),
        ({"title": "x" * 257}, "title"),
        ({"prefix": "a\0b"}, "prefix"),
        ({"bucket": ""}, "bucket"),
        ({"bucket": "missing"}, "bucket"),
        ({"level": -1}, "level"),
        ({"level": "high"}, "level"),
        ({"unknown": 1}, "unknown"),
        ({"prefix": "nothing/here"}, "prefix"),
    ],
)
def test_bad_input_names_its_field_and_leaves_nothing(sqlite_place, values, field):
    place = sqlite_place

    (problem,) = expect_problem(lambda: place.add(password=SECRET, **values), field)

    assert problem.message
    assert SECRET not in str(problem)
    assert rows(place.app, Storage) == rows(place.app, StorageSecret) == []


def test_an_unknown_provider_is_refused(place):
    with pytest.raises(UnknownProvider, match="no provider 'nothing'"):
        place.add(provider="nothing", bucket="media")


def test_a_wrong_filter_says_what_is_not_supported(place):
    (problem,) = expect_problem(lambda: place.add(regex_filter="(?=a)"), "regex_filter")

    assert "lookaheads" in problem.message


def test_what_the_provider_says_is_passed_on(place, provider):
    told = Problem("bucket", "It is locked.", "Unlock it.", "locked")
    provider.after["validate"] = lambda _: ValidationReport(
        Availability.FORBIDDEN, (told,)
    )

    assert expect_problem(place.add, "bucket") == (told,)


def test_a_check_that_fails_without_a_word_still_says_something(place, provider):
    provider.after["validate"] = lambda _: ValidationReport(Availability.UNREACHABLE)

    (problem,) = expect_problem(place.add, None)

    assert "unreachable" in problem.message
    assert rows(place.app, Storage) == []


def test_a_stranger_connects_nothing_and_sees_nothing(place, people):
    made = place.add()
    draft = StorageDraft(place.project, Purpose.IMPORT, "memory", {"bucket": "media"})

    for act in (
        lambda: storages.add_storage(place.app, people.stranger, draft),
        lambda: storages.get_storage(place.app, people.stranger, made.id, made.purpose),
        lambda: storages.list_storages(
            place.app, people.stranger, place.project, made.purpose
        ),
        lambda: storages.sync_storage(
            place.app, people.stranger, made.id, made.purpose
        ),
        lambda: storages.remove_storage(
            place.app, people.stranger, made.id, made.purpose
        ),
    ):
        with pytest.raises(NotAllowed, match="do not have permission"):
            act()


# Whether it would import anything


@pytest.mark.parametrize(
    ("values", "field", "remedy"),
    [
        ({"regex_filter": r".*\.png", **BLOBS}, "regex_filter", "put .* before"),
        ({"regex_filter": r".*\.jpg"}, "use_blob_urls", "each becomes a task"),
        ({"prefix": "folder", **BLOBS, "recursive_scan": False}, "recursive_scan",
         "Include sub-folders"),
    ],
)  # fmt: skip
def test_a_storage_of_which_nothing_would_be_imported_is_refused(
    sqlite_place, bucket, values, field, remedy
):
    bucket.put("folder/deep/c.jpg", "x")

    (problem,) = expect_problem(lambda: sqlite_place.add(**values), field)

    assert remedy in problem.remedy
    assert rows(sqlite_place.app, Storage) == []


def test_the_first_pages_decide_and_a_large_storage_gets_the_doubt(
    sqlite_place, bucket, provider, monkeypatch
):
    monkeypatch.setattr("labeldock.services.importing.preview.PAGE_SIZE", 2)
    bucket.put_all(dict.fromkeys((f"c{n:02}.jpg" for n in range(17)), "x"))
    expect_problem(
        lambda: sqlite_place.add(regex_filter="z.*", **BLOBS), "regex_filter"
    )
    listed = provider.calls["list_objects"]
    bucket.put_all({"d.jpg": "x", "e.jpg": "x"})

    sqlite_place.add(regex_filter="z.*", **BLOBS)

    assert provider.calls["list_objects"] - listed == 1 + 10  # one by the provider


def test_a_storage_that_cannot_be_looked_into_is_refused(sqlite_place, provider):
    provider.before["list_objects"] = FailAt(StorageError("It is locked."), 2)

    (problem,) = expect_problem(sqlite_place.add, None)

    assert problem.message == "It is locked."


def test_validating_saves_nothing(place):
    draft = StorageDraft(
        place.project, Purpose.IMPORT, "memory",
        {"bucket": "media", "regex_filter": r".*\.png", **BLOBS},
    )  # fmt: skip

    report = storages.validate_storage(place.app, place.owner, draft)

    assert [problem.field for problem in report.problems] == ["regex_filter"]
    assert rows(place.app, Storage) == []


def test_an_export_may_begin_empty_and_is_probed_when_asked(place, provider, bucket):
    bucket.remove("a.json", "b.jpg")
    draft = StorageDraft(place.project, Purpose.EXPORT, "memory", {"bucket": "media"})

    for probe in (False, True):
        assert storages.validate_storage(
            place.app, place.owner, draft, probe_write=probe
        ).is_ok
    assert place.add_export().id
    assert bucket.keys() == []


def test_a_saved_storage_is_validated_with_what_is_left_out(place, provider):
    made = place.add(password=SECRET, level=3)
    draft = StorageDraft(place.project, Purpose.IMPORT, "memory", {"title": "Cats"})

    report = storages.validate_storage(
        place.app, place.owner, draft, storage_id=made.id
    )

    assert report.is_ok
    assert place.show(made) == made
    with pytest.raises(NotFound, match="no import storage 99"):
        storages.validate_storage(place.app, place.owner, draft, storage_id=99)


def test_a_saved_storage_is_not_validated_as_one_of_another_provider(
    place, open_app, installation, provider
):
    made = place.add(password=SECRET)
    other = OtherProvider()
    app = open_app(installation, catalog=build_catalog(provider, other))
    draft = StorageDraft(place.project, Purpose.IMPORT, "other", {"bucket": "media"})

    with pytest.raises(InvalidInput, match="of the provider memory"):
        storages.validate_storage(app, place.owner, draft, storage_id=made.id)


class OtherProvider(ScriptedProvider):
    @hookimpl
    def describe(self):
        info = ScriptedProvider.describe(self)
        return replace(info, name="other", aliases=(), schemes=("other",))


# Changing


def test_what_is_left_out_of_a_change_stays(place):
    made = place.add(title="Birds", level=3, password=SECRET, **BLOBS)

    changed = change(place, made, title="Cats")

    assert changed.fields == {**made.fields, "title": "Cats"}
    assert changed.settings == made.settings
    assert changed.secrets_set == ("password",)
    assert secret_of(place, made) == SECRET


def test_a_secret_is_replaced_by_another_and_never_by_nothing(place):
    made = place.add(password=SECRET)
    change(place, made, password="another secret, 2")
    assert secret_of(place, made) == "another secret, 2"

    for nothing in ("", None):
        (problem,) = expect_problem(
            lambda n=nothing: change(place, made, password=n), "password"
        )
        assert "Leave the field out" in problem.remedy
    assert secret_of(place, made) == "another secret, 2"


def secret_of(place, storage):
    options = load_connection(place.app, storage.id).ref.options
    return options.password.get_secret_value()


def test_a_change_that_is_refused_changes_nothing(place):
    made = place.add(title="Birds", password=SECRET)

    for values, field in (
        ({"title": "Cats", "level": -1}, "level"),
        ({"title": "Cats", "bucket": "missing"}, "bucket"),
        ({"title": "Cats", "regex_filter": r".*\.png"}, "regex_filter"),
        ({"title": "Cats", "unknown": 1}, "unknown"),
    ):
        expect_problem(lambda v=values: change(place, made, **v), field)

    assert place.show(made) == made
    assert secret_of(place, made) == SECRET


def test_a_title_can_be_changed_while_the_bucket_is_away(place, provider):
    made = place.add(password=SECRET)
    provider.after["validate"] = lambda _: ValidationReport(Availability.UNREACHABLE)

    assert change(place, made, title="Cats", presign_ttl=5).fields["title"] == "Cats"
    expect_problem(lambda: change(place, made, prefix="in"), None)
    expect_problem(lambda: change(place, made, password="another"), None)


def test_changes_at_once_leave_one_of_them(place):
    made = place.add(password=SECRET)
    acts = [lambda n=n: change(place, made, password=f"password {n}") for n in range(6)]

    outcomes = run_at_once(*acts)

    assert [o for o in outcomes if isinstance(o, Exception)] == []
    assert secret_of(place, made).startswith("password")


# Secrets


def test_no_secret_is_shown_anywhere(place, capfd):
    made = place.add(password=SECRET)
    change(place, made, title="Cats", level=2)
    listed = storages.list_storages(
        place.app, place.owner, place.project, Purpose.IMPORT
    )
    draft = StorageDraft(place.project, Purpose.IMPORT, "memory", {"level": -1})
    with pytest.raises(InvalidInput, match=REFUSAL) as caught:
        storages.validate_storage(place.app, place.owner, draft, storage_id=made.id)

    shown = f"{made!r} {listed!r} {place.show(made)!r} {caught.value.problems!r}"
    (row,) = rows(place.app, Storage)
    captured = capfd.readouterr()

    for text in (shown, repr(row), str(row.settings), captured.out, captured.err):
        assert SECRET not in text
    (stored,) = rows(place.app, StorageSecret)
    assert SECRET.encode() not in stored.ciphertext


def test_a_secret_that_cannot_be_read_any_more_can_be_entered_again(
    place, open_app, installation, build_workplace
):
    made = place.add(password=SECRET)
    place.app = open_app(installation, secret_key="a key that is another one")
    shown = place.show(made)
    assert "Add the earlier key" in shown.attention
    assert shown.secrets_set == ("password",)

    changed = change(place, made, password="another secret, 2")

    assert changed.attention is None
    assert secret_of(place, made) == "another secret, 2"


# Needing attention


def test_a_storage_whose_provider_is_gone_is_shown_and_keeps_its_data(
    place, open_app, installation
):
    made = place.add(title="Birds", level=3, password=SECRET)
    place.sync(made)
    kept, place.app = place.app, open_app(installation, catalog=build_catalog())

    shown = place.show(made)

    assert "no provider 'memory'" in shown.attention
    assert (shown.status, shown.fields["title"]) == ("completed_with_errors", "Birds")
    assert shown.settings == {"bucket": "media", "level": 3}
    assert shown.secrets_set == ("password",)
    run = place.sync(made)
    assert (run.state, run.problem["code"]) == ("failed", "unknown_provider")
    place.app = kept
    assert place.show(made).attention is None
    assert secret_of(place, made) == SECRET


def test_a_storage_whose_settings_are_no_longer_valid_is_shown_and_can_be_repaired(
    place,
):
    made = place.add(level=3, password=SECRET)
    with place.app.database.write() as session:
        session.execute(update(Storage).values(settings={"bucket": "UPPER"}))

    shown = place.show(made)

    assert "bucket" in shown.attention
    assert shown.settings == {"bucket": "UPPER"}
    (listed,) = storages.list_storages(
        place.app, place.owner, place.project, Purpose.IMPORT
    )
    assert listed.attention == shown.attention
    assert place.sync(made).problem["code"] == "invalid_input"
    assert change(place, made, bucket="media").attention is None
    assert secret_of(place, made) == SECRET


def test_settings_of_an_older_version_are_upgraded_when_read_and_saved_with_a_change(
    place, open_app, installation, provider
):
    made = place.add(level=3)

    newer = NewerProvider()
    newer._buckets = provider._buckets
    place.app = open_app(installation, catalog=build_catalog(newer))

    assert place.show(made).settings["level"] == 13
    assert rows(place.app, Storage)[0].settings["level"] == 3
    change(place, made, title="Cats")
    row = rows(place.app, Storage)[0]
    assert (row.settings["level"], row.settings_version) == (13, 2)
    assert place.show(made).settings["level"] == 13


class NewerProvider(ScriptedProvider):
    @hookimpl
    def describe(self):
        info = ScriptedProvider.describe(self)
        return replace(info, settings_version=2, upgrade_settings=add_ten)


def add_ten(settings, version):
    assert version == 1
    return {**settings, "level": settings["level"] + 10}


# Removing


def test_a_storage_is_removed_and_its_tasks_stay(place):
    made = place.add(password=SECRET)
    place.sync(made)

    storages.remove_storage(place.app, place.owner, made.id, made.purpose)

    with pytest.raises(NotFound, match="no import storage"):
        place.show(made)
    assert rows(place.app, StorageSecret) == rows(place.app, ImportLink) == []
    assert len(rows(place.app, Task)) == 1


def test_a_storage_with_a_queued_run_is_removed_with_it(place):
    made = place.add()
    place.request(made)

    storages.remove_storage(place.app, place.owner, made.id, made.purpose)

    assert rows(place.app, Run) == []
    assert leases.list_due_runs(place.app) == []


def test_a_storage_that_is_worked_on_is_not_removed(place):
    made = place.add()
    run_id = place.request(made)
    lease = leases.claim_run(place.app, "worker", run_id)

    with pytest.raises(Conflict, match=f"run {run_id}") as caught:
        storages.remove_storage(place.app, place.owner, made.id, made.purpose)

    assert f"labeldock run cancel {run_id}" in caught.value.remedy
    work_slice(place.app, lease)
    assert len(rows(place.app, Task)) == 1


def test_a_removal_waits_for_the_claim_that_came_first(postgres_app, build_workplace):
    place = build_workplace(postgres_app)
    made = place.add()
    run_id = place.request(made)
    with postgres_app.database.write_connection() as connection:
        connection.execute(
            update(Run).values(state="in_progress", lease_owner="worker")
        )
        removal = Background(
            lambda: storages.remove_storage(
                postgres_app, place.owner, made.id, made.purpose
            )
        )
        time.sleep(0.2)
        assert removal.is_running

    with pytest.raises(Conflict, match=f"run {run_id}"):
        removal.join()


# Asking for a sync


def test_a_storage_that_may_not_be_synced_says_so(place):
    made = place.add(synchronizable=False)

    with pytest.raises(InvalidInput, match="is not synchronizable") as caught:
        place.request(made)

    assert caught.value.field == "synchronizable"


def test_a_sync_that_is_asked_for_twice_rings_for_one_run(place):
    made = place.add()

    assert place.request(made) == place.request(made)
    assert place.show(made).status == "queued"


def test_the_options_of_a_storage_are_shown_by_purpose(place):
    imported, exported = place.add(), place.add_export(can_delete_objects=True)

    assert exported.fields["can_delete_objects"]
    assert "can_delete_objects" not in imported.fields
    assert "presign" not in exported.fields

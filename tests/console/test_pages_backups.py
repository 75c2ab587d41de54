"""Backups, media and restores as pages; what was asked of such a dialogue: R14 to R26.

The demands on the programs behind it are in `tests/system/test_backup_demands` and
`test_attach_demands`.
"""

from __future__ import annotations

import re

import pytest

from labeldock.contract import Purpose
from labeldock.services import storages
from labeldock.services.backups import plans, requests
from labeldock.services.slots.meta import describe_project
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.working import run_until_done
from tests.system.backup_places import Backups

PATH = "/projects/1/backups/"
OWN = {"Accept": "text/html", "Origin": "http://testserver"}


@pytest.fixture
def clouded(put_object, connect, sync, project):
    """The project, with media that lie in a bucket."""
    for name in ("a.jpg", "b.jpg"):
        put_object(f"p/{name}", name.encode() * 100, "image/jpeg")
    sync(connect(prefix="p", title="Gulls"))
    return project


@pytest.fixture
def backups(app, owner, tmp_path):
    return Backups(app, owner.principal, tmp_path)


@pytest.fixture
def restored(clouded, backups):
    """A project out of a lightweight backup, without a storage."""
    return backups.restored(backups.make(clouded.id, lightweight=True))


@pytest.fixture
def connect_to(app, owner):
    def connect(project_id, **values):
        usual = {"bucket": "media", "use_blob_urls": True, "recursive_scan": True}
        draft = StorageDraft(project_id, Purpose.IMPORT, "memory", {**usual, **values})
        return storages.add_storage(app, owner.principal, draft)

    return connect


@pytest.fixture
def work(app, owner):
    """Do what was asked for, as a worker would."""

    def work():
        for view in requests.list_requests(app, owner.principal):
            if view.status == "queued":
                run_until_done(app, view.run_id, owner="test")

    return work


def read_cells(text, label):
    """What the tables of a page say in a column, tags left out."""
    cells = re.findall(rf'data-label="{label}">(.*?)</t[dh]>', text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells]


def read_tag(text, name):
    """The tag of a form's field."""
    return re.search(rf'<(?:input|select)[^>]* name="{name}"[^>]*>', text)[0]


# Making


def test_both_kinds_are_made_side_by_side_and_told_apart(browser, clouded, work):
    for fields in ({}, {"lightweight": "on"}):
        answer = browser.post(PATH, data={"filename": "", "place": "", **fields})
        assert answer.headers["location"] == PATH
    waiting = browser.get(PATH).text
    work()
    text = browser.get(PATH).text
    links = re.findall(r'href="(/api/projects/1/backup/download[^"]+)" download', text)
    archives = [browser.get(link.replace("&amp;", "&")) for link in links]

    assert read_cells(waiting, "State") == ["Queued", "Queued"]
    assert read_cells(text, "Kind") == ["lightweight", "full"]
    assert read_cells(text, "State") == ["Done", "Done"]
    assert [a.content[:2] for a in archives] == [b"PK", b"PK"]
    assert len(archives[0].content) < len(archives[1].content)


def test_r20_the_choice_is_hidden_where_it_changes_nothing(browser, project, task):
    text = browser.get(PATH).text

    assert 'name="lightweight"' not in text
    assert "this will be a full backup" in text


def test_r21_r22_r23_the_choice_says_what_it_means(browser, clouded, project):
    text = browser.get(PATH).text
    described = re.search(r'aria-describedby="(\S+)', read_tag(text, "lightweight"))[1]
    told = re.search(rf'id="{described}">([^<]+)<', text)[1]

    assert "Use a lightweight backup whenever possible" in text
    assert "A lightweight backup names the media" in told
    assert "A full backup copies everything" in told
    assert "Files that were uploaded to Labeldock come along in any case" in told
    assert not re.search(r"light[ -]weight", text, re.IGNORECASE)


def test_r26_what_may_stay_empty_is_not_marked_as_required(browser, restored):
    text = browser.get(PATH).text
    media = browser.get(f"/projects/{restored}/media/").text

    for name in ("filename", "place", "keep_count", "keep_days", "plan_place"):
        assert "required" not in read_tag(text, name)
    assert "required" in read_tag(text, "schedule")
    assert "<input" not in media.partition("<main")[2] or "required" not in media


def test_r24_what_is_under_way_is_shown_as_such(browser, clouded):
    browser.post(PATH, data={"lightweight": "on"})
    text = browser.get(PATH).text

    assert re.search(r'id="live" data-refresh="\d"', text)
    assert "Queued" in text
    assert "download>" not in text


def test_a_backup_is_cancelled(browser, clouded, app, owner):
    browser.post(PATH, data={"lightweight": "on"})
    [view] = requests.list_requests(app, owner.principal, project_id=1)
    browser.post(f"{PATH}cancel/", data={"id": view.id})
    text = browser.get(PATH).text
    again = browser.post(f"{PATH}cancel/", data={"id": view.id})

    assert "It was cancelled" in text
    assert "Cancelled by" in text
    assert again.headers["location"] == PATH
    assert "It had ended already." in browser.get(PATH).text


def test_the_same_again_says_that_it_is_being_made(browser, clouded):
    browser.post(PATH, data={"filename": "mine.zip"})
    answer = browser.post(PATH, data={"filename": "mine.zip"})

    assert answer.status_code == 400
    assert "The same is being done already" in answer.text
    assert 'value="mine.zip"' in answer.text


def test_what_cannot_be_made_is_told_at_its_field(browser, clouded):
    cases = [
        ({"filename": "a/../b"}, "filename"),
        ({"place": "99"}, "place"),
        ({"place": "1"}, "place"),  # it imports
        ({"place": "\u00b2"}, "place"),
    ]
    for fields, name in cases:
        answer = browser.post(PATH, data=fields)
        assert answer.status_code == 400, fields
        assert f'id="{name}-error1"' in answer.text, fields
        assert 'aria-invalid="true"' in read_tag(answer.text, name), fields


def test_a_backup_goes_into_a_bucket(browser, clouded, connect, work):
    target = connect(Purpose.EXPORT, prefix="backups", title="Vault")
    assert "Vault" in browser.get(PATH).text
    sent = {"filename": "one.zip", "place": str(target.id), "lightweight": "on"}
    browser.post(PATH, data=sent)
    work()
    text = browser.get(PATH).text

    [archive] = read_cells(text, "Archive")
    assert "one.zip" in archive
    assert "/backup/download" not in text


# By itself


def test_a_plan_is_saved_shown_and_removed(browser, clouded, app, owner):
    sent = {"schedule": "@daily", "plan_lightweight": "on", "keep_count": "3"}
    browser.post(f"{PATH}plan/", data=sent)
    text = browser.get(PATH).text
    plan = plans.get_plan(app, owner.principal, clouded.id)
    browser.post(f"{PATH}plan/remove/")

    assert (plan.schedule, plan.lightweight, plan.keep_count) == ("@daily", True, 3)
    assert plan.keep_days is None
    assert "The next one is made" in text
    assert 'value="@daily"' in text
    assert "The next one is made" not in browser.get(PATH).text


def test_a_plan_that_cannot_be_kept_loses_nothing(browser, clouded):
    usual = {"schedule": "every 6 hours", "keep_count": "3", "keep_days": "8"}
    wrong = {"schedule": "whenever", "keep_count": "many", "keep_days": "0"}
    for name, typed in wrong.items():
        sent = {**usual, name: typed}
        answer = browser.post(f"{PATH}plan/", data=sent)
        assert answer.status_code == 400, name
        assert f'id="{name}-error1"' in answer.text
        for field, value in sent.items():
            assert f'value="{value}"' in read_tag(answer.text, field)


# Media


def find_slot(app, owner, project_id):
    [use] = describe_project(app, owner.principal, project_id).slots
    return use.slot


def test_a_storage_is_looked_into_attached_and_detached(
    app, browser, owner, restored, connect_to
):
    path = f"/projects/{restored}/media/"
    offered = browser.get(path).text
    found = connect_to(restored, title="The whole bucket")
    slot = next(
        use.slot
        for use in describe_project(app, owner.principal, restored).slots
        if use.slot.state == "detached"
    )
    sent = {"slot": slot.name, "storage": str(found.id)}
    sent |= {"prefix": "p/", "use_prefix": "on"}
    looked = browser.post(path, data={**sent, "action": "check"})
    wrong = {**sent, "prefix": "elsewhere/", "action": "attach"}
    refused = browser.post(path, data=wrong)
    attached = browser.post(path, data={**sent, "action": "attach"})
    text = browser.get(path).text
    number = re.search(r'name="slot" value="(\d+)"', text)[1]
    browser.post(f"{path}detach/", data={"slot": number})

    assert "Connect a storage first" in offered
    assert "<b>2</b> found" in looked.text
    assert 'value="p/"' in looked.text
    assert refused.status_code == 400
    assert "None of 2 referenced objects" in refused.text
    assert 'value="elsewhere/"' in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert attached.status_code == 303
    assert "Connected" in text
    assert "Not connected" in browser.get(path).text


def test_r19_leaving_the_selector_alone_changes_nothing(
    app, browser, owner, restored, connect_to
):
    path = f"/projects/{restored}/media/"
    connect_to(restored)
    slots = describe_project(app, owner.principal, restored).slots
    before = [use.slot for use in slots]
    for storage in ("", "0"):
        sent = {"slot": before[0].name, "storage": storage, "action": "attach"}
        assert browser.post(path, data=sent).status_code == 303
    told = browser.get(path).text
    after = describe_project(app, owner.principal, restored).slots

    assert [use.slot for use in after] == before
    assert "No other storage was chosen" in told


def test_r19_r25_the_selector_shows_the_storage_that_there_is(
    app, browser, owner, clouded
):
    path = f"/projects/{clouded.id}/media/"
    text = browser.get(path).text
    slot = find_slot(app, owner, clouded.id)
    sent = {"slot": slot.name, "storage": str(slot.storage_id)}
    answers = [
        browser.post(path, data={**sent, "action": each})
        for each in ("attach", "check")
    ]

    assert f'<option value="{slot.storage_id}" selected>Gulls</option>' in text
    assert '<option value="">' not in text
    assert {answer.status_code for answer in answers} == {303}
    assert find_slot(app, owner, clouded.id) == slot


def test_an_archive_in_a_bucket_is_restored_from_a_storage_that_is_chosen(
    browser, client, viewer, put_object, connect
):
    put_object("a.zip")
    storage = connect(title="Archives & more")
    shown = browser.get("/restore/").text
    client.cookies.clear()
    to_viewer = client.get("/restore/", headers=viewer).text

    assert f'<option value="{storage.id}">' in shown
    assert "Archives &amp; more" in shown
    assert "Archives &amp; more" not in to_viewer
    assert "You manage no project with a storage." in to_viewer


def test_a_storage_that_is_none_is_refused(app, browser, owner, restored):
    path = f"/projects/{restored}/media/"
    slot = find_slot(app, owner, restored)
    for storage in ("\u00b2", "-1", "9" * 30, "999"):
        sent = {"slot": slot.name, "storage": storage, "action": "attach"}
        refused = browser.post(path, data=sent)
        nothing = browser.post(f"{path}detach/", data={"slot": storage})
        assert refused.status_code == 400, storage
        assert nothing.status_code in {400, 404}, storage
    assert find_slot(app, owner, restored) == slot


def test_media_of_a_full_backup_need_no_storage(browser, clouded, backups):
    number = backups.restored(backups.make(clouded.id, lightweight=False))
    text = browser.get(f"/projects/{number}/media/").text

    assert "Kept here" in text
    assert "no bucket is needed" in text


def test_r14_a_restored_project_opens_and_says_what_is_missing(browser, restored):
    pages = ["", "tasks/", "media/", "storages/", "backups/", "runs/", "errors/"]
    tasks = re.findall(
        rf"/projects/{restored}/tasks/\d+/",
        browser.get(f"/projects/{restored}/tasks/").text,
    )
    paths = [*(f"/projects/{restored}/{page}" for page in pages), *tasks]
    answers = {path: browser.get(path) for path in paths}

    assert tasks
    assert {a.status_code for a in answers.values()} == {200}
    for path, answer in answers.items():
        assert "Traceback" not in answer.text, path
        assert "MediaNotConnected" not in answer.text, path
    assert "cannot be seen" in answers[f"/projects/{restored}/media/"].text


def test_a_storage_for_media_that_wait_is_not_synced_at_once(
    browser, clouded, restored
):
    for number, is_waiting in ((clouded.id, False), (restored, True)):
        path = f"/projects/{number}/storages/new/memory/"
        imports = browser.get(path).text
        exports = browser.get(f"{path}?purpose=export").text
        assert ("checked" in read_tag(imports, "sync_now")) != is_waiting
        assert ("attach it before its first sync" in imports) == is_waiting
        assert "checked" in read_tag(exports, "sync_now")


# Restoring


def test_a_project_is_restored_from_a_bucket(
    browser, clouded, connect, put_object, backups, work
):
    put_object("archives/old.zip", backups.make(clouded.id, lightweight=True))
    source = connect(prefix="archives")
    found = browser.get(
        f"/projects/1/storages/{source.id}/object/?key=archives/old.zip"
    ).text
    link = re.search(r'href="(/restore/[^"]+)"', found)[1].replace("&amp;", "&")
    filled = browser.get(link).text
    sent = {"storage": str(source.id), "key": "old.zip"}
    answer = browser.post("/restore/", data=sent)
    work()
    text = browser.get("/restore/").text

    assert 'value="old.zip"' in read_tag(filled, "key")
    assert f'<option value="{source.id}" selected>' in filled
    assert answer.headers["location"] == "/restore/"
    result = re.search(r'<a class="button quiet" href="(/projects/\d+/)">Open', text)[1]
    assert browser.get(result).status_code == 200
    assert read_cells(text, "What")[0] == "Restore"


def test_an_archive_that_is_none_says_so_in_one_line(
    browser, connect, put_object, work
):
    put_object("archives/old.zip", b"this is no archive")
    source = connect(prefix="archives")
    browser.post("/restore/", data={"storage": str(source.id), "key": "old.zip"})
    work()
    [state] = read_cells(browser.get("/restore/").text, "State")

    assert state.startswith("Failed ")
    assert "Traceback" not in state
    assert "Error(" not in state


def test_what_cannot_be_restored_is_told_at_its_field(browser, project):
    cases = [
        ({"storage": "999", "key": "a.zip"}, "storage"),
        ({"storage": "\u00b2", "key": "a.zip"}, "storage"),
        ({"storage": "1", "key": ""}, "key"),
    ]
    for sent, name in cases:
        answer = browser.post("/restore/", data=sent)
        assert answer.status_code == 400, sent
        assert f'id="{name}-error1"' in answer.text, sent
        assert f'value="{sent["key"]}"' in read_tag(answer.text, "key")


def test_an_upload_of_somebody_else_is_not_restored(
    browser, client, stranger, clouded, backups
):
    upload = backups.send(backups.make(clouded.id, lightweight=True))
    browser.cookies.clear()
    headers = {**OWN, **stranger.headers}
    answer = client.post("/restore/", data={"upload": upload}, headers=headers)

    assert answer.status_code == 404


# People


def test_a_viewer_sees_where_media_come_from_and_changes_nothing(
    app, client, viewer, owner, clouded
):
    before = find_slot(app, owner, clouded.id)
    headers = {**viewer, **OWN}
    media = client.get("/projects/1/media/", headers=headers).text
    forms = {
        "media/": {"slot": before.name, "storage": "1"},
        "media/detach/": {"slot": "1"},
        "backups/": {},
        "backups/cancel/": {"id": "any"},
        "backups/plan/": {"schedule": "@daily"},
        "backups/plan/remove/": {},
    }
    answers = [
        client.post(f"/projects/1/{path}", data=data, headers=headers).status_code
        for path, data in forms.items()
    ]

    assert "Served by <bdi>Gulls</bdi>" in media
    assert 'action="/projects/1/media/' not in media
    assert client.get(PATH, headers=headers).status_code == 403
    assert answers == [403] * len(forms)
    assert find_slot(app, owner, clouded.id) == before
    assert requests.list_requests(app, owner.principal, project_id=1) == []

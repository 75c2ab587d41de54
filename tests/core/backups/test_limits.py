"""A backup that a team has no room for ends with a reason, and leaves nothing."""

from __future__ import annotations

from sqlmodel import select

from labeldock.db.archives import StoredFile
from labeldock.jobs.hands import Hands
from labeldock.services import projects
from labeldock.services.quotas import managing


def limit(backups, people, **limits):
    view = projects.get_project(backups.app, backups.owner, backups.project)
    team = view.organization_id
    return managing.change_limits(backups.app, people.admin, team, limits)


def test_an_archive_is_kept_if_there_is_room(sqlite_backups, people):
    sqlite_backups.fill(2)
    limit(sqlite_backups, people, bytes=100)
    refused = sqlite_backups.ask()
    run = sqlite_backups.work(refused)

    limit(sqlite_backups, people, bytes=100_000)
    _, made = sqlite_backups.make()

    assert (run.state, run.problem["code"]) == ("failed", "quota_exceeded")
    assert run.problem["field"] == "bytes"
    with sqlite_backups.app.database.read() as session:
        sizes = [file.size for file in session.exec(select(StoredFile))]
    assert sizes == [len(made.data)]
    assert sqlite_backups.leftovers() == []


def test_the_last_thread_does_no_backup(sqlite_backups):
    sqlite_backups.fill(2)
    for number in range(2):
        task_ids = (sqlite_backups.add_task(n=number),)
        sqlite_backups.ask(task_id=task_ids[0])
    storage = sqlite_backups.place.add(use_blob_urls=True)
    hands = Hands(2, ["backup", "import"])
    app = sqlite_backups.app

    def hold():
        return hands.hold_next(app, "worker", "backup")

    with hold() as first, hold() as second:
        run_id = sqlite_backups.place.request(storage)
        with hold() as third:
            assert (first.kind, second) == ("backup", None)
            assert (third.kind, third.run_id) == ("import", run_id)
    with hold() as fourth:
        assert fourth.kind == "backup"

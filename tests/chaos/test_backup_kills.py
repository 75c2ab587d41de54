"""Workers are killed while they make a backup; what is made in the end is whole."""

from __future__ import annotations

import time

from labeldock.contract import ReadRequest
from labeldock.contract.values import Purpose
from labeldock.db.archives import StoredFile
from labeldock.services import runs
from labeldock.services.backups.asking import BackupAsk, request_backup
from labeldock.services.backups.housekeeping import tidy_up
from labeldock.services.backups.requests import get_request, load_request
from labeldock.services.persistent.store import open_store
from labeldock.services.working import run_until_done
from labeldock.testing.contents import assert_same_bytes
from tests.chaos.scene import wait_until

OBJECTS, SIZE = 150, 100_000
LONGEST = 0.3
"""Seconds of work after which a worker is killed at the latest."""


def test_a_backup_under_fire_is_the_one_made_in_peace(scene, crew, rng, tally, kills):
    bring_objects(scene, rng)
    asked = request_backup(
        scene.app, scene.owner, BackupAsk(scene.project_id, lightweight=False)
    )

    while tally.struck < kills:
        if scene.has_ended(asked.run_id):
            asked = ask_again(scene, asked)
        worker = crew.hire()
        wait_until(lambda w=worker: is_at_work(scene, w), worker.read_log)
        time.sleep(rng.uniform(0, LONGEST))
        is_under_way = not scene.has_ended(asked.run_id)
        worker.kill()
        tally.note(did_strike=is_under_way and is_at_work(scene, worker))
    finish(scene, crew, asked)

    under_fire = read_archive(scene, asked.id)
    in_peace = request_backup(
        scene.app, scene.owner, BackupAsk(scene.project_id, lightweight=False)
    )
    run_until_done(scene.app, in_peace.run_id, owner="test")
    assert_same_bytes(under_fire, read_archive(scene, in_peace.id))
    tidy_up(scene.app)
    assert list_files(scene) == [read_key(scene, in_peace.id)]


def is_at_work(scene, worker):
    ended = not scene.list_owners() and not scene.read(
        "SELECT id FROM run WHERE kind = 'backup' AND state IN "
        "('queued', 'in_progress', 'lost')"
    )
    return ended or any(map(worker.owns, scene.list_owners()))


def ask_again(scene, asked):
    """One that was killed too often has failed; it can be retried."""
    if scene.read_run(asked.run_id).state == "failed":
        runs.retry_run(scene.app, scene.owner, asked.run_id)
        return asked
    ask = BackupAsk(scene.project_id, lightweight=False)
    return request_backup(scene.app, scene.owner, ask)


def finish(scene, crew, asked):
    if scene.read_run(asked.run_id).state == "failed":
        ask_again(scene, asked)
    survivor = crew.hire()
    wait_until(lambda: scene.has_ended(asked.run_id), survivor.read_log)
    shown = get_request(scene.app, scene.owner, asked.id)
    assert shown.status == "finished", shown


def bring_objects(scene, rng):
    (scene.folder / "pictures").mkdir()
    for number in range(OBJECTS):
        path = scene.folder / "pictures" / f"{number:04}.jpg"
        path.write_bytes(rng.randbytes(SIZE))
    storage_id = scene.connect(
        "pictures", Purpose.IMPORT, use_blob_urls=True, recursive_scan=True
    )
    run_until_done(scene.app, scene.sync(storage_id, Purpose.IMPORT), owner="test")


def read_key(scene, rq_id):
    with scene.app.database.read() as session:
        request, _ = load_request(session, scene.owner, rq_id)
        return session.get(StoredFile, request.file_id).key


def read_archive(scene, rq_id):
    body = open_store(scene.app).get_data(ReadRequest(read_key(scene, rq_id)))
    try:
        return b"".join(iter(lambda: body.reader.read(1 << 20), b""))
    finally:
        body.reader.close()


def list_files(scene):
    """All that lies in the home folder's places for archives and their making."""
    home = scene.app.settings.home
    kept = [p for p in (home / "files").rglob("*") if p.is_file()]
    left = list((home / "work").glob("*"))
    assert left == []
    return [str(path.relative_to(home / "files")) for path in kept]

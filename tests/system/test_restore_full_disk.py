"""Disks that are really full while a restore goes on: said so, and nothing is left.

The small disks are mounted by the tests, which only root may; elsewhere they are
skipped. That space is looked at first is shown in `test_api_restore`.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from sqlmodel import func, select

from labeldock.db.archives import StoredFile
from labeldock.db.slots import Reference, Slot
from labeldock.db.tables import Project, Task
from labeldock.services.persistent.files import sweep_files
from labeldock.services.restoring.project import sweep_restores
from tests.system import cvat_archives as cvat
from tests.system.backup_places import Backups

NAMES = ("a.jpg", "b.jpg", "c.jpg")
SIZE = 150 * 1024
TABLES = (Project, Task, Slot, Reference)


@pytest.fixture
def backups(app, owner, tmp_path):
    return Backups(app, owner.principal, tmp_path)


@pytest.fixture
def archive(put_object, connect, sync, backups, project):
    """A full backup of a project with three objects."""
    for name in NAMES:
        put_object(f"p/{name}", name[0].encode() * SIZE)
    sync(connect(prefix="p"))
    return backups.make(project.id, lightweight=False)


@pytest.fixture
def mount():
    """Puts a small disk in the place of a folder."""
    mounted = []

    def mount(folder, options):
        if os.geteuid() != 0 or shutil.which("mount") is None:
            pytest.skip("only root can mount a small disk")
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def count_rows(app):
    with app.database.read() as session:
        rows = [session.exec(select(func.count()).select_from(t)).one() for t in TABLES]
        query = select(func.count()).where(StoredFile.kind == "media")
        return *rows, session.exec(query).one()


def list_files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def assert_no_room(app, run, before):
    assert run.state == "failed"
    assert run.problem["code"] == "no_space"
    assert "Make room" in run.problem["remedy"]
    sweep_restores(app)
    sweep_files(app)
    assert count_rows(app) == before


def test_a_disk_that_is_full_of_files_while_an_archive_is_fetched(
    app, backups, archive, mount
):
    """There is room for its bytes, so it is begun; there is none for one file more."""
    before, work = count_rows(app), app.settings.home / "work"
    mount(work, "size=64m,nr_inodes=2")  # itself, and the folder of the run

    run, _ = backups.restore(archive)

    assert_no_room(app, run, before)
    assert list(work.iterdir()) == []


def test_a_disk_that_is_full_of_files_while_an_archive_is_looked_at(
    app, backups, mount
):
    """One of CVAT is looked at and written anew, which needs a second file."""
    before, work = count_rows(app), app.settings.home / "work"
    mount(work, "size=64m,nr_inodes=3")

    run, _ = backups.restore(cvat.pack(cvat.task_entries(count=3)))

    assert_no_room(app, run, before)
    assert list(work.iterdir()) == []


def test_a_disk_that_gets_full_while_media_are_copied(app, backups, archive, mount):
    """The archive and two of its three objects fit."""
    before, files = count_rows(app), app.settings.home / "files"
    mount(files, f"size={len(archive) + 5 * SIZE // 2}")
    token = backups.send(archive)
    room = shutil.disk_usage(files).free

    run, _ = backups.restore_sent(token)

    assert SIZE < room < 3 * SIZE  # so it got full amid the copies
    assert_no_room(app, run, before)
    assert list_files(files / "media") == list_files(files / ".unfinished") == []
    assert shutil.disk_usage(files).free == room

"""Archives that are damaged, or lie: refused by entry, and nothing is left behind."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import zipfile

import pytest
from sqlmodel import func, select

from labeldock.db.archives import StoredFile
from labeldock.db.slots import Reference, Slot
from labeldock.db.tables import Annotation, Project, Task
from labeldock.services import annotations, tasks
from labeldock.services.persistent.files import sweep_files
from labeldock.services.restoring.project import sweep_restores
from tests.system.backup_places import Backups

TABLES = (Project, Task, Annotation, Slot, Reference)


@pytest.fixture
def backups(app, owner, tmp_path):
    return Backups(app, owner.principal, tmp_path)


@pytest.fixture
def made(app, owner, project, put_object, connect, sync, backups):
    """A lightweight and a full archive of a project with two objects."""
    for name in ("a.jpg", "b.jpg"):
        put_object(f"p/{name}", name.encode() * 100)
    sync(connect(prefix="p"))
    page = tasks.list_tasks(app, owner.principal, tasks.TaskQuery(project.id))
    annotations.create_annotation(
        app, owner.principal, page.tasks[0].id, {"result": []}
    )
    return {
        kind: backups.make(project.id, lightweight=kind == "light")
        for kind in ("light", "full")
    }


def unpack(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(entries, *, kind=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, content in entries if isinstance(entries, list) else entries.items():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("warnings.warn", lambda *_, **__: None)
                archive.writestr(zipfile.ZipInfo(name), content, kind)
    return stream.getvalue()


def sign(entries, /, **changes):
    """Entries with a manifest that agrees with them again, but for the changes."""
    manifest = json.loads(entries["manifest.json"])
    for entry in manifest["entries"]:
        content = entries[entry["name"]]
        entry["size"] = len(content)
        entry["sha256"] = hashlib.sha256(content).hexdigest()
    manifest |= changes
    return pack({**entries, "manifest.json": json.dumps(manifest).encode()})


def edit(entries, name, change):
    """Entries with every line of one changed, and a manifest that agrees."""
    lines = [json.loads(line) for line in entries[name].splitlines()]
    changed = change(lines)
    text = b"".join(json.dumps(line).encode() + b"\n" for line in changed)
    return sign({**entries, name: text})


def edit_first(name, **values):
    def change(lines):
        return [{**lines[0], **values}, *lines[1:]]

    return lambda e: edit(e, name, change)


def swap(name, content):
    return lambda e: pack({**e, name: content})


def add(name, content=b"x"):
    return lambda e: pack({**e, name: content})


def count_more(name):
    def change(entries):
        manifest = json.loads(entries["manifest.json"])
        counts = {**manifest["counts"], name: manifest["counts"][name] + 1}
        return sign(entries, counts=counts)

    return change


def without(name):
    return lambda e: pack({n: c for n, c in e.items() if n != name})


def doubled(entries):
    return pack([*entries.items(), ("tasks.jsonl", entries["tasks.jsonl"])])


def encrypted(entries):
    """The flag of encryption on the tasks, in the directory and before the entry."""
    data = bytearray(pack(entries))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        offset, start = archive.getinfo("tasks.jsonl").header_offset, archive.start_dir
    data[offset + 6] |= 1
    found = data.index(b"tasks.jsonl", start)
    data[found - 46 + 8] |= 1
    return bytes(data)


def bomb(entries):
    return pack({**entries, "tasks.jsonl": b"\n" * (64 * 1024 * 1024)})


def overlapping(entries):
    """Two entries of the directory that lead to the same bytes."""
    data = bytearray(pack(entries))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first = archive.getinfo("tasks.jsonl").header_offset
        start = archive.start_dir
    found = data.index(b"predictions.jsonl", start)
    data[found - 4 : found] = struct.pack("<L", first)
    return bytes(data)


def flipped(entries):
    data = bytearray(pack(entries, kind=zipfile.ZIP_STORED))
    place = data.index(b"memory://media")
    data[place] ^= 1
    return bytes(data)


LIGHT = {
    "truncated": (lambda e: pack(e)[:-30], "archive"),
    "cut in the middle": (lambda e: pack(e)[: len(pack(e)) // 2], "archive"),
    "no zip": (lambda e: b"PK" + os.urandom(500), "archive"),
    "one byte": (lambda e: b"x", "archive"),
    "a flipped bit": (flipped, "damaged"),
    "encrypted": (encrypted, "tasks.jsonl"),
    "a bomb": (bomb, "tasks.jsonl"),
    "overlapping": (overlapping, "overlaps"),
    "leading out": (add("../evil"), "../evil"),
    "leading out of media": (add("media/../../evil"), "leads out"),
    "leading out by backslash": (add("media\\..\\..\\evil"), "media"),
    "absolute": (add("/etc/passwd"), "absolute"),
    "absolute on Windows": (add("C:/evil"), "absolute"),
    "a double": (doubled, "two entries"),
    "in the wrong case": (add("Tasks.JSONL"), "wrong case"),
    "unknown": (add("virus.exe"), "virus.exe"),
    "a folder": (add("media/"), "media/"),
    "media though lightweight": (add("media/000000001.jpg"), "media/000000001.jpg"),
    "an upload in no list": (add("uploads/000000001.jpg"), "uploads/000000001.jpg"),
    # Without a manifest it is taken for an archive of CVAT, and is none.
    "without manifest": (without("manifest.json"), "project.json"),
    "without tasks": (without("tasks.jsonl"), "tasks.jsonl"),
    "a manifest that is no JSON": (swap("manifest.json", b"{"), "manifest.json"),
    "a manifest of something else": (swap("manifest.json", b"{}"), "manifest.json"),
    "a newer version": (lambda e: sign(e, version=99), "version 99"),
    "an unknown kind": (lambda e: sign(e, kind="slim"), "manifest.json"),
    "a field too many": (lambda e: sign(e, more=1), "manifest.json"),
    "entries left out": (lambda e: sign(e, entries=[]), "manifest.json"),
    "a wrong count of tasks": (count_more("tasks"), "counts.tasks"),
    "a wrong count of media": (count_more("media"), "counts.media"),
    "another project than the checksum": (
        lambda e: pack({**e, "project.json": e["project.json"].replace(b"B", b"b")}),
        "project.json",
    ),
    "a wrong size": (
        lambda e: pack({**e, "tasks.jsonl": e["tasks.jsonl"] + b"\n"}),
        "tasks.jsonl",
    ),
    "a title that is too long": (
        lambda e: sign({
            **e,
            "project.json": json.dumps(
                {**json.loads(e["project.json"]), "title": "x" * 51}
            ).encode(),
        }),
        "project.json",
    ),
    "a label config that is no XML": (
        lambda e: sign({
            **e,
            "project.json": json.dumps(
                {**json.loads(e["project.json"]), "label_config": "<View>"}
            ).encode(),
        }),
        "label_config",
    ),
    "a path that would break the data": (
        lambda e: sign({
            **e,
            "project.json": json.dumps(
                {**json.loads(e["project.json"]), "upload_path": '"'}
            ).encode(),
        }),
        "upload_path",
    ),
    "tasks out of order": (lambda e: edit(e, "tasks.jsonl", lambda x: x[::-1]), "Line"),
    "a task of no kind": (edit_first("tasks.jsonl", data=7), "tasks.jsonl"),
    "a field of a wrong type": (edit_first("tasks.jsonl", overlap="1"), "overlap"),
    "a field that is unknown": (edit_first("tasks.jsonl", id=5), "tasks.jsonl"),
    "a month that is none": (
        edit_first("tasks.jsonl", created_at="2026-13-01T00:00:00Z"),
        "tasks.jsonl",
    ),
    "more annotations than told": (
        edit_first("tasks.jsonl", total_annotations=2),
        "annotations.jsonl",
    ),
    "annotations of no task": (
        edit_first("annotations.jsonl", task=99),
        "annotations.jsonl",
    ),
    "a reference to no slot": (
        edit_first("references.jsonl", slot="none"),
        "references.jsonl",
    ),
    "a key with a null": (edit_first("references.jsonl", key="a\0b"), "references"),
    "a reference twice": (
        lambda e: edit(
            e,
            "references.jsonl",
            lambda x: [x[0], {**x[1], "key": x[0]["key"]}],
        ),
        "same object",
    ),
    "two slots of one name": (
        lambda e: edit(e, "storages.jsonl", lambda x: [*x, *x]),
        "storages.jsonl",
    ),
    "media listed though lightweight": (
        lambda e: sign({
            **e,
            "media.jsonl": json.dumps({
                "slot": json.loads(e["storages.jsonl"].splitlines()[0])["name"],
                "key": "k", "entry": "media/000000001", "etag": "", "size": 1,
                "sha256": "0" * 64, "content_type": None, "problem": None,
            }).encode() + b"\n",
            "media/000000001": b"x",
        }),
        "media/000000001",
    ),
}  # fmt: skip

FULL = {
    "a copy with other bytes": (
        swap("media/000000001.jpg", b"z" * 500),
        "media/000000001.jpg",
    ),
    "a copy that is missing": (
        without("media/000000002.jpg"),
        "media/000000002.jpg",
    ),
    "a copy too many": (add("media/000000009.jpg"), "media/000000009.jpg"),
    "a copy listed twice": (
        lambda e: edit(e, "media.jsonl", lambda x: [x[0], x[0]]),
        "listed twice",
    ),
    "a copy that is another entry": (
        edit_first("media.jsonl", entry="tasks.jsonl"),
        "tasks.jsonl",
    ),
}


def count_rows(app):
    with app.database.read() as session:
        rows = {
            t: session.exec(select(func.count()).select_from(t)).one() for t in TABLES
        }
        kept = session.exec(
            select(func.count())
            .select_from(StoredFile)
            .where(StoredFile.kind == "media")
        ).one()
    return rows, kept


def list_media(app):
    folder = app.settings.home / "files" / "media"
    return [path for path in folder.rglob("*") if path.is_file()]


def refuse_all(app, backups, entries, cases):
    """Restore each archive; what was not refused as it should be."""
    before, odd = count_rows(app), []
    for name, (change, expected) in cases.items():
        run, view = backups.restore(change(dict(entries)))
        message = view.message
        if run.state != "failed" or expected not in message:
            odd.append((name, run.state, message))
        sweep_restores(app)
        if count_rows(app)[0] != before[0]:
            odd.append((name, "left rows behind"))
    sweep_files(app)
    assert not odd
    assert count_rows(app) == before
    assert not list_media(app)
    assert not list((app.settings.home / "work").iterdir())
    print(f"refused {len(cases)} hostile archives; nothing was left behind")  # noqa: T201


def test_lightweight_archives_that_lie_are_refused_by_entry(app, backups, made):
    refuse_all(app, backups, unpack(made["light"]), LIGHT)


def test_full_archives_that_lie_are_refused_by_entry(app, backups, made):
    refuse_all(app, backups, unpack(made["full"]), FULL)


def test_limits_are_the_operator_s(app, backups, made):
    settings = app.settings
    for name, text in (
        ("restore_max_entries", "more than 5 entries"),
        ("restore_max_bytes", "would unpack to"),
    ):
        most = 5 if name.endswith("entries") else len(made["full"]) + 10
        object.__setattr__(app, "settings", settings.model_copy(update={name: most}))
        run, view = backups.restore(made["full"])

        assert run.state == "failed"
        assert text in view.message
    object.__setattr__(app, "settings", settings)


def test_what_is_good_is_restored_all_the_same(backups, made, project):
    for data in made.values():
        assert backups.describe(backups.restored(data)) == backups.describe(project.id)

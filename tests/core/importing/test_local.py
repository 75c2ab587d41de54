"""Folders of this machine, through the provider that is installed by default."""

from __future__ import annotations

import errno
import json
import os

import pytest

from labeldock.contract import Purpose
from labeldock.services import annotations, tasks
from labeldock.testing.plugins import build_catalog
from labeldock_local import chains
from labeldock_local.plugin import LocalProvider

NAMES = ("a.jpg", "a-b/c.jpg", "a/x.jpg", "sp ace #?%+&.jpg", ".hidden", "ä.jpg",
         "a\u0308.jpg", "n" * 250 + ".jpg", "deep/er/and/deep.er/z.jpg")  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "files"
    path.mkdir()
    return path


@pytest.fixture
def local_place(open_app, installation, build_workplace, folder):
    roots = {"LABELDOCK_LOCAL_ROOTS": str(folder)}
    catalog = build_catalog(LocalProvider(), environment=roots)
    return build_workplace(open_app(installation, catalog=catalog, page_size=2))


def write(folder, key, text="x"):
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_files_become_tasks_whatever_their_names(local_place, folder, build_ledger):
    for name in NAMES:
        write(folder, name)
    storage = local_place.add(
        provider="local", path=str(folder), use_blob_urls=True, recursive_scan=True
    )

    first, second = local_place.sync(storage), local_place.sync(storage)

    assert (first.state, first.counts["created"]) == ("completed", len(NAMES))
    assert (second.counts["existed"], second.counts["created"]) == (len(NAMES), 0)
    assert build_ledger(local_place.app).keys() == sorted(NAMES)


def test_a_folder_is_imported_labelled_and_exported(local_place, folder, build_ledger):
    write(folder, "in/tasks.jsonl", '{"n": 1}\n{"n": 2}\n')
    write(folder, "in/broken.json", "{")
    (folder / "out").mkdir()
    source = local_place.add(provider="local", path=str(folder / "in"))
    target = local_place.add(Purpose.EXPORT, provider="local", path=str(folder / "out"))
    run = local_place.sync(source)
    assert (run.state, run.counts["created"]) == ("completed_with_errors", 2)
    assert [error.key for error in local_place.errors(run)] == ["broken.json"]

    task = build_ledger(local_place.app).tasks()[0]
    made = annotations.create_annotation(
        local_place.app, local_place.owner, task.id, {"result": []}
    )
    export = local_place.sync(target)

    assert export.counts["delivered"] == 1
    document = json.loads((folder / "out" / str(made.id)).read_text())
    assert document["task"] == task.id
    shown = tasks.get_task(local_place.app, local_place.owner, task.id)
    assert shown.annotations == (made,)


def test_what_lies_in_a_locked_folder_has_not_vanished(
    local_place, folder, monkeypatch
):
    for name in ("a/1.jpg", "b/1.jpg", "b/2.jpg", "c/1.jpg"):
        write(folder, name)
    storage = local_place.add(
        provider="local", path=str(folder), use_blob_urls=True, recursive_scan=True
    )
    local_place.sync(storage)
    lock(monkeypatch, b"b")

    run = local_place.sync(storage)

    assert (run.state, run.counts["vanished"]) == ("completed_with_errors", 0)
    assert [error.key for error in local_place.errors(run)] == ["b/"]


def lock(monkeypatch, name):
    """Refuse a folder as the system does to others than root, whom nothing stops."""
    opened = chains.open_listing

    def refuse(folder, entry):
        if entry == name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(folder, entry)

    monkeypatch.setattr(chains, "open_listing", refuse)

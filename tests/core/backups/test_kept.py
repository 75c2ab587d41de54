"""Media that came out of an archive go into the next one, without any bucket."""

from __future__ import annotations

from labeldock.services.backups import format as archive
from labeldock.services.backups.asking import FULL_INSTEAD
from labeldock.services.backups.requests import get_request
from labeldock.services.restoring.asking import restore_upload
from labeldock.services.restoring.incoming import append_piece, begin_upload
from labeldock.services.working import run_until_done
from tests.core.backups.conftest import Backups

SAME = (archive.TASKS, archive.ANNOTATIONS, archive.PREDICTIONS)


def restore(backups, made, path):
    """The project that an archive becomes, as its own place of backups."""
    path.write_bytes(made.data)
    token = begin_upload(backups.app, backups.owner, len(made.data)).token
    append_piece(backups.app, backups.owner, token, 0, path)
    asked = restore_upload(backups.app, backups.owner, token)
    run_until_done(backups.app, asked.run_id, owner="test")
    done = get_request(backups.app, backups.owner, asked.id)
    assert done.status == "finished", done
    again = Backups(backups.place, backups.bucket)
    again.project = done.result_id
    return again


def test_a_restored_project_gives_the_same_archive_again(backups, provider, tmp_path):
    backups.fill(3)
    backups.annotate(backups.tasks()[1].id)
    _, made = backups.make()
    restored = restore(backups, made, tmp_path / "archive")
    provider.calls.clear()

    request, again = restored.make(lightweight=True)

    assert not provider.calls
    assert request.message == FULL_INSTEAD
    assert [again.read(name) for name in SAME] == [made.read(name) for name in SAME]
    assert again.media == made.media
    assert again.counts == made.counts


def test_in_a_mixed_project_kept_media_are_included(sqlite_backups, tmp_path, bucket):
    sqlite_backups.fill(2)
    _, made = sqlite_backups.make()
    restored = restore(sqlite_backups, made, tmp_path / "archive")
    place = restored.place
    place.project = restored.project
    bucket.put("more/9.jpg", b"another")
    place.sync(place.add(use_blob_urls=True, recursive_scan=True, prefix="more"))

    request, mixed = restored.make(lightweight=True)

    assert request.lightweight
    assert mixed.media == made.media
    told = {s.media for s in mixed.lines(archive.STORAGES) if s.purpose == "import"}
    assert told == {"included", "references"}
    assert [r.key for r in mixed.lines(archive.REFERENCES)][-1] == "more/9.jpg"

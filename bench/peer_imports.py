"""Imports from S3 beside Label Studio: the same bucket, the same server of objects.

It imports within the request, so its time is that of the request; ours is that of the
run, done in this process.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from bench.installation import Installation, opened_installation
from bench.object_server import served_objects
from bench.peers import NAME, Peer, started_peer
from bench.report import Figure, Report
from bench.timing import measure
from bench.trees import temporary_folder
from labeldock.contract.values import Purpose
from labeldock.services import storages
from labeldock.services.storage_fields import StorageDraft

SIZE = 500
KEY = {"aws_access_key_id": "AKIABENCH", "aws_secret_access_key": "secret"}
_numbers = count()


def run(report: Report, *, is_quick: bool) -> None:
    """First and second sync of objects, and of task files."""
    objects, files = (500, 100) if is_quick else (2000, 500)
    with started_peer(report) as peer:
        if peer is None:
            return
        _compare(report, peer, f"{objects:,} objects", objects, is_media=True)
        _compare(report, peer, f"{files:,} JSON files", files, is_media=False)


def _compare(
    report: Report, peer: Peer, name: str, objects: int, *, is_media: bool
) -> None:
    options = ("--count", str(objects), "--size", str(SIZE))
    with temporary_folder() as folder, served_objects(*options) as url:
        values = _build_storage(url, is_media=is_media)
        theirs = _sync_theirs(peer, values, objects)
        ours = _sync_ours(folder, values)
    for what, our, their in zip(("first", "second"), ours, theirs, strict=True):
        title = f"{what} sync of {name} from S3, beside {NAME}"
        report.add(Figure(title, objects / our, "objects/s", objects / their))


def _build_storage(url: str, *, is_media: bool) -> dict[str, Any]:
    place = {} if is_media else {"prefix": "tasks"}
    return {
        "bucket": "media",
        "s3_endpoint": url,
        "use_blob_urls": is_media,
        "recursive_scan": True,
        **place,
        **KEY,
    }


def _sync_theirs(peer: Peer, values: dict[str, Any], objects: int) -> list[float]:
    """Seconds of the first and of the second sync."""
    storage_id = peer.connect_bucket(values)
    made: list[int] = []
    seconds = [measure(lambda: made.append(peer.sync(storage_id))) for _ in range(2)]
    assert made == [objects, 0], made
    return seconds


def _sync_ours(folder: Path, values: dict[str, Any]) -> list[float]:
    home = folder / f"home-{next(_numbers)}"
    with opened_installation(home, roots=folder) as here:
        storage_id = _connect(here, values)
        return [measure(lambda: here.sync(storage_id)) for _ in range(2)]


def _connect(here: Installation, values: dict[str, Any]) -> int:
    draft = StorageDraft(here.project_id, Purpose.IMPORT, "s3", values)
    return storages.add_storage(here.app, here.owner, draft).id

"""Exports to S3 beside Label Studio: as many annotations, the same server of objects.

It exports within the request, so its time is that of the request; ours is that of the
run, done in this process. Both write everything for the second time, since a new target
is filled at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.exports import fill
from bench.installation import Installation, opened_installation
from bench.object_server import served_objects
from bench.peers import NAME, Peer, started_peer
from bench.report import Figure, Report
from bench.timing import measure
from labeldock.contract.values import Purpose
from labeldock.services import storages
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.working import run_until_done

KEY = {"aws_access_key_id": "AKIABENCH", "aws_secret_access_key": "secret"}
RESULT = [
    {
        "from_name": "kind",
        "to_name": "img",
        "type": "choices",
        "value": {"choices": ["gull"]},
    }
]


def run(report: Report, folder: Path, annotations: int) -> None:
    """A sync of an export storage with so many annotations."""
    with started_peer(report) as peer, served_objects() as url:
        if peer is None:
            return
        values = {"bucket": "labels", "s3_endpoint": url, **KEY}
        theirs = _export_theirs(peer, values, annotations)
        with opened_installation(folder / "peer", roots=folder) as here:
            fill(here, annotations)
            ours = _export_ours(here, values, annotations)
    title = f"export of {annotations:,} annotations, beside {NAME}"
    report.add(Figure(title, annotations / ours, "annotations/s", annotations / theirs))


def _export_theirs(peer: Peer, values: dict[str, Any], annotations: int) -> float:
    project_id = peer.create_project()
    tasks = [
        {"data": {"image": f"s3://media/{n}.jpg"}, "annotations": [{"result": RESULT}]}
        for n in range(annotations)
    ]
    peer.ask("POST", f"/api/projects/{project_id}/import", tasks)
    body = {"project": project_id, **values}
    storage_id = int(peer.ask("POST", "/api/storages/export/s3", body)["id"])
    path = f"/api/storages/export/s3/{storage_id}/sync"
    peer.ask("POST", path)
    done: list[Any] = []
    seconds = measure(lambda: done.append(peer.ask("POST", path)))
    found = done[0]["status"], done[0]["last_sync_count"]
    if found != ("completed", annotations):
        raise RuntimeError(f"{NAME}: {found} {done[0]['traceback']}")
    return seconds


def _export_ours(here: Installation, values: dict[str, Any], annotations: int) -> float:
    draft = StorageDraft(here.project_id, Purpose.EXPORT, "s3", values)
    storage_id = storages.add_storage(here.app, here.owner, draft).id

    def export() -> None:
        view = storages.sync_storage(here.app, here.owner, storage_id, Purpose.EXPORT)
        assert view.run is not None
        done = run_until_done(here.app, view.run.id, owner="bench")
        if done.counts.get("delivered") != annotations:
            raise RuntimeError(f"the export ended as {done.state}: {done.problem}")

    export()
    return measure(export)

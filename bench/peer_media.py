"""Redirects to media beside Label Studio: the same bucket, as many connections."""

from __future__ import annotations

from dataclasses import replace

from bench.load import Plan
from bench.peers import NAME, Peer, started_peer
from bench.report import Figure, Report
from bench.wrk import press
from labeldock.services.resolving.fileuri import encode_fileuri

KEY = {"aws_access_key_id": "AKIABENCH", "aws_secret_access_key": "secret"}
URI = "s3://media/000001-50000"
CONNECTIONS = 8


def run(report: Report, plan: Plan, objects: str) -> None:
    """Carry out a plan that asks us for redirects, and one like it there."""
    with started_peer(report) as peer:
        if peer is None:
            return
        ours = press(replace(plan, connections=CONNECTIONS))
        path = _show_picture(peer, objects)
        their_plan = Plan(
            peer.url,
            [path],
            peer.headers,
            connections=CONNECTIONS,
            seconds=max(5.0, plan.seconds),
        )
        theirs = press(their_plan)
    title = f"redirects of {CONNECTIONS} connections, beside {NAME}"
    report.add(Figure(title, ours, "1/s", theirs))


def _show_picture(peer: Peer, objects: str) -> str:
    """Where a task of a new project there asks for its picture."""
    project_id = peer.create_project()
    values = {"bucket": "media", "s3_endpoint": objects, "presign": True, **KEY}
    body = {"project": project_id, "use_blob_urls": True, **values}
    peer.ask("POST", "/api/storages/s3/", body)
    task = {"project": project_id, "data": {"image": URI}}
    task_id = peer.ask("POST", "/api/tasks/", task)["id"]
    return f"/tasks/{task_id}/resolve/?fileuri={encode_fileuri(URI)}"

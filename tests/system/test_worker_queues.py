"""A worker that is given queues takes work from these alone; others have the rest."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from labeldock.cli.serving import _choose_queues, work
from labeldock.contract import InvalidInput
from labeldock.jobs.actors import QUEUES
from labeldock.jobs.worker import Worker
from labeldock.services import annotations, runs, tasks
from tests.core.concurrency import wait_until
from tests.system.worker_places import House, has_ended

BLOBS = {"use_blob_urls": True, "recursive_scan": True}


def start(house, *queues):
    worker = Worker(*house.open_with_broker(), queues)
    worker.start()
    house.callback(worker.stop, 10)


def test_each_of_two_workers_does_the_work_of_its_queues(tmp_path, redis_url):
    with House(tmp_path / "home", "", redis_url) as house:
        house.bucket.put_all({f"{n}": "x" for n in range(5)})
        web, _ = house.open_with_broker()
        place = house.settle(web)
        exported = place.add_export(prefix="out")
        task = tasks.create_task(web, place.owner, place.project, {"n": 1})
        start(house, "delivery", "export")

        imported = place.request(place.add(**BLOBS))
        made = annotations.create_annotation(web, place.owner, task.id, {"result": []})

        wait_until(lambda: f"out/{made.id}" in set(house.bucket.keys()))
        wait_until(has_ended(place, place.request(exported)))
        assert place.run(imported).state == "queued"
        start(house, "import")
        wait_until(has_ended(place, imported))
        assert place.run(imported).state == "completed"


def test_without_a_choice_there_are_all_queues():
    assert _choose_queues("") == QUEUES
    assert _choose_queues(" import, dry_run ,") == ("import", "dry_run")
    assert set(QUEUES) >= {"delivery", runs.BACKUP, runs.RESTORE, runs.DRY_RUN}


def test_the_help_names_every_queue():
    app = typer.Typer()
    app.command()(work)
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "300"}).output

    assert [name for name in QUEUES if name not in shown] == []


def test_a_queue_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(InvalidInput, match="no queue imports") as refused:
        _choose_queues("imports,backup")

    assert refused.value.remedy.startswith("There are: import, export")

"""The API: a list of tasks beside Label Studio's, plain requests, who asks."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.installation import Installation
from bench.load import Plan, drive
from bench.peers import LABELS, NAME, Peer, started_peer
from bench.report import Figure, Report, at_least, at_most
from bench.service import Service, Site, built_site, served, served_bare
from bench.timing import measure, measure_work
from bench.trees import temporary_folder
from bench.wrk import press
from labeldock.db.types import dump_json
from labeldock.services import personal_tokens, projects
from labeldock.services.access import Principal
from labeldock.services.importing.formats.kinds import Kind
from labeldock.services.importing.posting import Posted, import_posted
from labeldock.settings import Settings
from labeldock.web.callers import CallerCache
from labeldock.web.redis_rates import RedisStore, SharedBuckets
from tests.servers.process import ServerMissing
from tests.servers.redis import run_redis

TASKS = 100
MOST_OF_THEIRS, MOST_OWN = 0.05, 20.0
LEAST_RATE = 1_500.0
CHECKS = 20_000
UNLIMITED = {"LABELDOCK_RATE_LIMIT": "0"}
_TICKS = os.sysconf("SC_CLK_TCK")
_RESULT = [
    {
        "from_name": "kind",
        "to_name": "img",
        "type": "choices",
        "value": {"choices": ["gull"]},
    }
]


def run(report: Report, *, is_quick: bool) -> None:
    """Measure a service of two processes, with the load beside it on the machine."""
    seconds = 2.0 if is_quick else 5.0
    with temporary_folder() as folder:
        home = folder / "home"
        with built_site(home, folder) as site:
            project_id = _fill(site.installation)
            with served(home, **UNLIMITED) as service:
                scene = Scene(report, site, service, project_id, seconds)
                compare_lists(scene)
                measure_requests(scene)
            measure_checks(report, site)
            try:
                measure_counting(report, home)
            except ServerMissing as missing:
                report.console.print(f"  without Redis: {missing}", style="yellow")


@dataclass(frozen=True, slots=True)
class Scene:
    """A service with a project of a hundred annotated tasks."""

    report: Report
    site: Site
    service: Service
    project_id: int
    seconds: float

    def plan(self, path: str, connections: int) -> Plan:
        """Ask for one thing, as somebody with a token."""
        return Plan(
            self.service.url,
            [path],
            self.site.headers,
            200,
            connections=connections,
            seconds=self.seconds,
        )


def build_tasks() -> list[dict[str, Any]]:
    """A hundred tasks, each with an annotation and a prediction."""
    return [
        {
            "data": {"image": f"https://example.org/{number}.jpg"},
            "annotations": [{"result": _RESULT, "lead_time": 1.5}],
            "predictions": [{"result": _RESULT, "score": 0.5, "model_version": "one"}],
        }
        for number in range(TASKS)
    ]


def _fill(here: Installation) -> int:
    """The number of a new project with these tasks."""
    values = {"title": "Listed", "label_config": LABELS}
    project_id = projects.create_project(here.app, here.owner, values).id
    content = dump_json(build_tasks()).encode()
    import_posted(here.app, here.owner, project_id, [Posted("", content, Kind.JSON)])
    return project_id


# Lists


def compare_lists(scene: Scene) -> None:
    """A page of a hundred tasks with everything said about them."""
    path = f"/api/tasks/?project={scene.project_id}&page_size={TASKS}&fields=all&page=1"
    plan = scene.plan(path, connections=1)
    before = _read_seconds(scene.service)
    figures = drive("fast", plan)
    used = _read_seconds(scene.service) - before
    ours = figures["p50"]
    own = 1000 * used / (figures["rate"] * plan.seconds)
    target = at_most(own, MOST_OWN, "ms")
    name = f"a list of {TASKS} tasks"
    scene.report.add(Figure(f"{name}, processor time", own, "ms", None, target))
    with started_peer(scene.report) as peer:
        if peer is None:
            scene.report.add(Figure(name, 1000 * ours, "ms"))
            return
        theirs = statistics.median(_list_theirs(peer))
    target = at_most(ours / theirs, MOST_OF_THEIRS, "ratio")
    title = f"{name}, beside {NAME}"
    scene.report.add(Figure(title, 1000 * ours, "ms", 1000 * theirs, target))


def _list_theirs(peer: Peer) -> Iterator[float]:
    """Seconds of some requests, after a first one."""
    project_id = peer.create_project()
    peer.ask("POST", f"/api/projects/{project_id}/import", build_tasks())
    path = f"/api/tasks/?project={project_id}&page_size={TASKS}&fields=all&page=1"
    assert len(peer.ask("GET", path)["tasks"]) == TASKS
    for _ in range(9):
        yield measure(lambda: peer.ask("GET", path))


def _read_seconds(service: Service) -> float:
    """Seconds that the processes of a service have worked."""
    total = 0
    for pid in service.list_processes():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        total += int(fields[11]) + int(fields[12])  # in its code, and for it
    return total / _TICKS


# Requests


def measure_requests(scene: Scene) -> None:
    """Requests that need little beside the login, from 32 connections."""
    paths = {
        "who asks": "/api/current-user/whoami",
        "one project": f"/api/projects/{scene.project_id}/",
        "the types of storages": "/api/storages/types",
    }
    with served_bare("bench.bare_web:redirect") as bare:
        bare_plan = Plan(bare.url, ["/"], status=303, seconds=scene.seconds)
        bare_rate = press(bare_plan)
    for name, path in paths.items():
        before = _read_seconds(scene.service)
        rate = press(scene.plan(path, connections=32))
        used = _read_seconds(scene.service) - before
        target = at_least(rate, LEAST_RATE, "1/s")
        title = f"requests with a token: {name}"
        scene.report.add(Figure(title, rate, "1/s", bare_rate, target))
        cost = 1000 * used / (rate * scene.seconds)
        scene.report.add(Figure(f"{title}, processor time", cost, "ms"))


# Who asks


def measure_checks(report: Report, site: Site) -> None:
    """Finding out whose token it is, from memory beside from the database."""
    app, token = site.installation.app, site.token

    def load() -> Principal:
        return personal_tokens.authenticate(app, token)

    async def check() -> None:
        callers = CallerCache(clock=lambda: 0.0)
        await callers.find(token, load)
        for _ in range(CHECKS):
            await callers.find(token, load)

    ours = measure_work(lambda: asyncio.run(check())) / CHECKS
    some = CHECKS // 100
    bare = measure_work(lambda: [load() for _ in range(some)]) / some
    title = "a token checked from memory, beside from the database"
    report.add(Figure(title, 1e6 * ours, "µs", 1e6 * bare))


# How many


def measure_counting(report: Report, home: Path) -> None:
    """Counting a request for all processes, beside asking Redis about each."""
    rate, burst = 2.0 * LEAST_RATE, float(10 * CHECKS)
    with run_redis() as url:
        settings = Settings(home=home, broker_url=url)
        with closing(RedisStore(settings)) as store:
            buckets = SharedBuckets(store, "caller", rate, burst)

            async def count() -> None:
                for _ in range(CHECKS):
                    assert await buckets.take("token 1") == 0.0

            ours = measure_work(lambda: asyncio.run(count())) / CHECKS
            some = CHECKS // 100
            bare = measure_work(
                lambda: [store.take("x", rate, burst, 1, 0) for _ in range(some)]
            )
    title = "a request counted for all processes, beside asking Redis each time"
    report.add(Figure(title, 1e6 * ours, "µs", 1e6 * bare / some))

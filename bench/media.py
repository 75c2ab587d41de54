"""What media cost: redirects, streams, pictures, slow clients, and lists of tasks."""

from __future__ import annotations

import socket
import statistics
import time
from dataclasses import dataclass, replace

from bench import peer_media
from bench.bare_web import ADDRESS, BLOCK, read_in_parallel
from bench.load import Plan, drive, kept_open
from bench.object_server import served_objects
from bench.report import Figure, Report, Target, at_least, at_most
from bench.service import (
    BUCKET,
    Gallery,
    Service,
    Site,
    built_site,
    served,
    served_bare,
)
from bench.timing import alternate
from bench.trees import temporary_folder
from bench.wrk import press
from labeldock.settings import Settings

LARGE, PICTURE = 100_000_000, 50_000
TASKS, LISTED, URIS = 200, 100, 10
LEAST_RATE, MOST_WAIT = 4_000.0, 25.0
LEAST_STREAM, LEAST_PICTURES = 0.9, 0.7
SLOW, QUIET_RATE, MOST_GROWTH, MOST_MEMORY = 500, 300.0, 1.5, 1.0
MOST_LISTING = 15.0
PARALLEL = 16
RAISED = {
    "LABELDOCK_MEDIA_STREAMS": "600",
    "LABELDOCK_S3_CONNECTIONS": "600",
    "RESOLVER_PROXY_TIMEOUT": "600",
}


def run(report: Report, *, is_quick: bool) -> None:
    """Measure a service of two processes, with the load beside it on the machine."""
    with temporary_folder() as folder, served_objects() as objects:
        home = folder / "home"
        with built_site(home, folder) as site:
            scene = _build_scene(report, site, objects, is_quick=is_quick)
            with served(home) as service:
                compare_redirects(scene, service)
                measure_steadily(scene, service)
                compare_streams(scene, service)
                compare_pictures(scene, service)
                compare_lists(scene, service)
                plan = scene.plan(service, scene.redirected)
                peer_media.run(report, plan, objects)
            with served(home, **RAISED) as service:
                compare_beside_slow_streams(scene, service)


@dataclass(frozen=True, slots=True)
class Scene:
    """What all measurements need.

    Attributes:
        report: where figures go.
        site: who asks.
        objects: the address of the server of objects.
        redirected: pictures, to be had by redirect.
        streamed: the same, passed through.
        large: one object of 100 MB, passed through.
        listed: the number of a project whose tasks are listed.
        seconds: how long each measurement takes.
        rounds: how often it is repeated.
    """

    report: Report
    site: Site
    objects: str
    redirected: Gallery
    streamed: Gallery
    large: Gallery
    listed: int
    seconds: float
    rounds: int

    def plan(self, service: Service, gallery: Gallery, **more: object) -> Plan:
        """Ask for what a gallery shows, as a script."""
        plan = Plan(service.url, gallery.paths, self.site.headers)
        return replace(plan, seconds=self.seconds, **more)  # type: ignore[arg-type]

    def add(
        self, name: str, value: float, unit: str, bare: float | None, target: Target
    ) -> None:
        """Report a figure."""
        self.report.add(Figure(name, value, unit, bare, target))


def _build_scene(report: Report, site: Site, objects: str, *, is_quick: bool) -> Scene:
    pictures = [f"s3://{BUCKET}/{number:06}-{PICTURE}" for number in range(TASKS)]
    return Scene(
        report,
        site,
        objects,
        redirected=site.make_gallery(objects, pictures, presign=True),
        streamed=site.make_gallery(objects, pictures, presign=False),
        listed=site.make_list(objects, pictures[:URIS], LISTED),
        large=site.make_gallery(objects, [f"s3://{BUCKET}/all-{LARGE}"], presign=False),
        seconds=2.0 if is_quick else 5.0,
        rounds=2 if is_quick else 5,
    )


# Redirects


def compare_redirects(scene: Scene, service: Service) -> None:
    """As many as there is room for, beside a redirect by bare Starlette."""
    plan = scene.plan(service, scene.redirected)
    cookies = replace(plan, headers=scene.site.cookies)
    with served_bare("bench.bare_web:redirect") as bare:
        bare_plan = replace(plan, url=bare.url)
        for name, ours in (("token", plan), ("session", cookies)):
            pairs = [(press(ours), press(bare_plan)) for _ in range(scene.rounds)]
            rate, bare_rate = max(p[0] for p in pairs), max(p[1] for p in pairs)
            target = at_least(rate, LEAST_RATE, "1/s")
            scene.add(f"redirects, by {name}", rate, "1/s", bare_rate, target)


def measure_steadily(scene: Scene, service: Service) -> None:
    """Half of that rate, offered whether or not the service keeps up."""
    plan = scene.plan(service, scene.redirected, rate=LEAST_RATE / 2)
    with served_bare("bench.bare_web:redirect") as bare:
        ours, floor = alternate(
            lambda: 1000 * drive("steady", plan)["p99"],
            lambda: 1000 * drive("steady", replace(plan, url=bare.url))["p99"],
            rounds=scene.rounds,
        )
    name = f"redirects at {LEAST_RATE / 2:,.0f}/s, 99th percentile"
    scene.add(name, ours, "ms", floor, at_most(ours, MOST_WAIT, "ms"))


# Streams


def compare_streams(scene: Scene, service: Service) -> None:
    """One large object; the bare function sends as much at a time as the service."""
    path = scene.large.paths[0]
    size = Settings.model_fields["resolver_proxy_buffer_size"].default
    values = {ADDRESS: scene.objects, BLOCK: str(size)}
    with served_bare("bench.bare_web:stream", **values) as bare:
        ours, other = alternate(
            lambda: fetch(service.url, path, scene.site.headers),
            lambda: fetch(bare.url, f"/all-{LARGE}", {}),
            rounds=4 * scene.rounds,
            pick=statistics.median,
        )
    speed, bare_speed = LARGE / ours / 1e6, LARGE / other / 1e6
    target = at_least(speed / bare_speed, LEAST_STREAM, "ratio")
    scene.add("pass 100 MB through", speed, "MB/s", bare_speed, target)


def fetch(url: str, path: str, headers: dict[str, str]) -> float:
    """Seconds that a large object takes."""
    plan = Plan(url, [path], {**headers, "Connection": "close"})
    buffer = bytearray(2**20)
    received = 0
    start = time.perf_counter()
    with socket.create_connection(plan.address) as connection:
        connection.sendall(plan.render_requests()[0])
        while count := connection.recv_into(buffer):
            received += count
    assert received > LARGE, f"{received} bytes instead of {LARGE} and a head"
    return time.perf_counter() - start


def compare_pictures(scene: Scene, service: Service) -> None:
    """Many small objects at a time, beside reading them with boto3, without any web."""
    plan = scene.plan(service, scene.streamed, status=200, connections=PARALLEL)
    threads = PARALLEL // 2
    key = f"000001-{PICTURE}"
    pairs = [
        (press(plan), read_in_parallel(scene.objects, key, scene.seconds, threads))
        for _ in range(scene.rounds)
    ]
    ours, bare = max(p[0] for p in pairs), max(p[1] for p in pairs)
    target = at_least(ours / bare, LEAST_PICTURES, "ratio")
    scene.add("pass pictures of 50 kB through", ours, "1/s", bare, target)


def compare_beside_slow_streams(scene: Scene, service: Service) -> None:
    """Redirects while hundreds of clients read a large object slowly."""
    plan = scene.plan(service, scene.redirected, rate=QUIET_RATE)

    def wait() -> float:
        figures = [drive("steady", plan)["p99"] for _ in range(scene.rounds)]
        return 1000 * min(figures)

    wait()
    before, memory = wait(), service.measure_memory()
    with kept_open(scene.plan(service, scene.large, connections=SLOW)):
        time.sleep(scene.seconds)
        during = wait()
        used = (service.measure_memory() - memory) / SLOW / 1e6
    name = f"redirects beside {SLOW} slow streams, 99th percentile"
    scene.add(
        name, during, "ms", before, at_most(during / before, MOST_GROWTH, "ratio")
    )
    scene.add(
        "memory of a slow stream", used, "MB", None, at_most(used, MOST_MEMORY, "MB")
    )


# Lists


def compare_lists(scene: Scene, service: Service) -> None:
    """Tasks with ten URIs each, with and without media URLs."""
    path = f"/api/tasks?project={scene.listed}&page_size={LISTED}&resolve_uri="
    plan = Plan(service.url, [], scene.site.headers, 200, connections=1)
    plan = replace(plan, seconds=scene.seconds / 2)

    def wait(answer: str) -> float:
        return 1000 * drive("fast", replace(plan, paths=[path + answer]))["p50"]

    ours, bare = alternate(
        lambda: wait("true"), lambda: wait("false"), rounds=scene.rounds
    )
    target = at_most(ours - bare, MOST_LISTING, "ms more")
    scene.add(f"list {LISTED} tasks of {URIS} URIs", ours, "ms", bare, target)

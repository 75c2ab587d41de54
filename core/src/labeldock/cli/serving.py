"""`labeldock serve` and `labeldock worker`: put the parts together and run them.

Here, on the highest floor, web and jobs meet: the embedded mode runs both in one
process.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from labeldock.cli.failures import FAILURE

if TYPE_CHECKING:
    from dramatiq import Broker
    from starlette.applications import Starlette

    from labeldock.jobs.worker import Worker
    from labeldock.services.context import AppContext
    from labeldock.settings import Settings

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8080
HTTP_PROTOCOL: Final = "labeldock.web.protocol:BoundedHttp"
STOP_SECONDS: Final = 10
_LOOK_SECONDS: Final = 0.5
"""How long requests and slices under way may take once the service is to stop."""

Host = Annotated[
    str,
    typer.Option("--host", metavar="ADDRESS", help="Address to listen on."),
]


def serve(
    host: Host = DEFAULT_HOST,
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="PORT", min=0, max=65535, help="0: any free one."
        ),
    ] = DEFAULT_PORT,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            metavar="COUNT",
            min=1,
            max=64,
            help="Web processes on this machine.",
        ),
    ] = 1,
) -> None:
    """Run the web service; without a broker it does the work as well."""
    if workers == 1:
        _pause_collector()
    from labeldock.cli.listeners import open_listener
    from labeldock.services.context import open_context

    settings = load_service_settings("labeldock-web" if workers == 1 else None)
    listener = open_listener(host, port)
    app = open_context(settings)
    address = describe_address(listener)
    _announce(f"Labeldock is at {address}", "service_started", address=address)
    _offer_first_login(app, describe_address(listener))
    if workers == 1:
        run_service(app, listener)
        return
    app.close()  # each process opens its own
    run_processes(listener, workers)


def _offer_first_login(app: AppContext, address: str) -> None:
    """Print the link of the first administrator, until somebody has used one."""
    from labeldock.cli.accounts import render_link
    from labeldock.services.accounts.links import prepare_first_admin

    link = prepare_first_admin(app)
    if link is not None:
        typer.echo(
            "Nobody can log in yet. Become the administrator here, once, within a "
            f"day:\n  {render_link(app, link, address)}",
            err=True,
        )


def load_service_settings(name: str | None) -> Settings:
    """The settings of a process that serves or works; its log is set up.

    So are its traces under this name, if they are wanted; without one it has none.

    Raises:
        ConfigurationError: a setting is wrong, or traces need what is not installed.
    """
    from labeldock import tracing
    from labeldock.settings import load_settings
    from labeldock.telemetry import configure_logging, log_all_that_is_said

    settings = load_settings()
    configure_logging(settings)
    log_all_that_is_said()
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # serve says what matters
    if name is not None:
        tracing.start(settings, name)
    return settings


def _announce(text: str, event: str, **names: object) -> None:
    """Tell people that it goes on; or the log, if that is all there may be."""
    import structlog

    from labeldock.settings import load_settings

    if load_settings().log_format == "json":
        structlog.get_logger(__name__).info(event, **names)
    else:
        typer.echo(text, err=True)


def describe_address(listener: socket.socket) -> str:
    """The URL under which a browser on this machine finds a listener."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  compared, not listened on
        host = "localhost"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def run_service(app: AppContext, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C, then end what is under way, and close the parts.

    Raises:
        typer.Exit: with 1 if it could not start; the log says why.
    """
    import uvicorn

    servers: list[uvicorn.Server] = []
    # Uvicorn raises the signal again once it has stopped, when there is no more need.
    _leave_when_told(unless=lambda: any(each.should_exit for each in servers))
    server = uvicorn.Server(uvicorn.Config(compose_service(app), **_choose_options()))
    servers.append(server)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        raise typer.Exit(FAILURE)


def run_processes(listener: socket.socket, count: int) -> None:
    """The same in several processes, which are started again when they die."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from labeldock.cli.listeners import share_address
    from labeldock.metrics import SHARED_FOLDER

    address = share_address(listener)
    _leave_when_told(unless=lambda: False)
    numbers = tempfile.TemporaryDirectory(prefix="labeldock-metrics-")
    config = uvicorn.Config(
        f"{__name__}:{build_web_app.__name__}",
        factory=True,
        workers=count,
        **_choose_options(),
    )
    with address, numbers as folder:
        os.environ[SHARED_FOLDER] = folder  # for the processes, as they start
        Multiprocess(config, sockets=[address]).run()


def _choose_options() -> dict[str, Any]:
    return {
        "http": HTTP_PROTOCOL,
        "log_config": None,  # the service's own log takes uvicorn's lines
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": STOP_SECONDS,
    }


def _leave_when_told(*, unless: Callable[[], bool]) -> None:
    """End on SIGTERM, in good order, while uvicorn does not look after it yet."""

    def leave(*_: object) -> None:
        if not unless():
            raise SystemExit

    signal.signal(signal.SIGTERM, leave)


def build_web_app() -> Starlette:
    """The web application of one process, from its environment; for uvicorn."""
    _pause_collector()
    from labeldock.metrics import forget_dead_processes
    from labeldock.services.context import open_context

    forget_dead_processes()
    return compose_service(open_context(load_service_settings("labeldock-web")))


def compose_service(parts: AppContext) -> Starlette:
    """The web application, ringing the broker, with a worker beside it if embedded."""
    import asyncio

    from labeldock import tracing
    from labeldock.jobs.bell import attach_bell
    from labeldock.jobs.broker import build_broker
    from labeldock.services.lost_secrets import warn_of_lost
    from labeldock.web.app import create_app

    warn_of_lost(parts)
    broker = build_broker(parts.settings)
    app = attach_bell(parts, broker)

    @asynccontextmanager
    async def live(_: Starlette) -> AsyncIterator[None]:
        worker = start_worker(app, broker) if app.settings.is_embedded else None
        _resume_collector()
        try:
            yield
        finally:
            if worker is not None:
                await asyncio.to_thread(worker.stop, STOP_SECONDS)
            broker.close()
            app.close()
            await asyncio.to_thread(tracing.stop)

    return create_app(app, lifespan=live)


def _pause_collector() -> None:
    """Let nothing be looked for among what is imported, which is all kept.

    It would be an eighth of the time until a process is ready.
    """
    gc.disable()


def _resume_collector() -> None:
    """Look for garbage again, and never among what there is by now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def start_worker(app: AppContext, broker: Broker) -> Worker:
    """A worker beside the web; web processes with a broker spare its modules."""
    from labeldock.jobs.worker import Worker

    worker = Worker(app, broker)
    worker.start()
    return worker


def work(
    queues: Annotated[
        str,
        typer.Option(
            "--queues",
            metavar="NAMES",
            help="Take work from these queues alone, separated by commas: import, "
            "dry_run, export, delivery, backup, restore, reference_check. All of them "
            "if left out.",
        ),
    ] = "",
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            metavar="PORT",
            min=0,
            max=65535,
            help="Show what it counts to Prometheus at this port, to anybody.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option("--metrics-host", metavar="ADDRESS", help="Address of that port."),
    ] = DEFAULT_HOST,
) -> None:
    """Do the work of syncs and exports, on any number of machines.

    They share the database and the broker. SIGTERM or Ctrl-C ends it.
    """
    from labeldock import tracing
    from labeldock.jobs.bell import attach_bell
    from labeldock.jobs.broker import build_broker
    from labeldock.jobs.worker import Worker
    from labeldock.services.context import opened_context
    from labeldock.services.lost_secrets import warn_of_lost

    chosen = _choose_queues(queues)
    settings = load_service_settings("labeldock-worker")
    ended = threading.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: ended.set())
    broker = build_broker(settings)
    with opened_context(settings) as app, _shown_metrics(host, metrics_port):
        warn_of_lost(app)
        worker = Worker(attach_bell(app, broker), broker, chosen)
        worker.start()
        _announce("The worker is ready; Ctrl-C stops it.", "worker_started")
        while not ended.wait(_LOOK_SECONDS):
            # A signal may reach another thread: its handler runs once this one wakes.
            pass
        worker.stop(STOP_SECONDS)
        broker.close()
    tracing.stop()


def _choose_queues(names: str) -> tuple[str, ...]:
    from labeldock.contract.errors import InvalidInput
    from labeldock.jobs.actors import QUEUES

    chosen = tuple(filter(None, (name.strip() for name in names.split(","))))
    unknown = ", ".join(name for name in chosen if name not in QUEUES)
    if unknown:
        raise InvalidInput(
            f"There is no queue {unknown}.",
            field="queues",
            remedy=f"There are: {', '.join(QUEUES)}.",
        )
    return chosen or QUEUES


@contextmanager
def _shown_metrics(host: str, port: int | None) -> Iterator[None]:
    """What this process counts, at a port of its own."""
    if port is None:
        yield
        return
    from prometheus_client import start_http_server

    from labeldock.cli.listeners import explained
    from labeldock.metrics import REGISTRY

    with explained(host, port):
        server, thread = start_http_server(port, host, registry=REGISTRY)
    address = f"http://{host}:{server.server_port}/metrics"
    _announce(f"Metrics are at {address}", "metrics_served", address=address)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""`labeldock serve` and `labeldock worker`: put the parts together and run them.

Here, on the highest floor, web and jobs meet: the embedded mode runs both in one
process.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from labeldock.cli.failures import FAILURE

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from labeldock.services.context import AppContext
    from labeldock.settings import Settings

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8080
HTTP_PROTOCOL: Final = "labeldock.web.protocol:BoundedHttp"
STOP_SECONDS: Final = 10
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
    from labeldock.services import access
    from labeldock.services.context import open_context

    settings = load_service_settings()
    listener = open_listener(host, port)
    app = open_context(settings)
    typer.echo(f"Labeldock is at {describe_address(listener)}", err=True)
    if not access.count_users(app):
        typer.echo(
            "Nobody can log in yet. Create the first user:\n"
            "  labeldock user create --admin --email you@example.org",
            err=True,
        )
    if workers == 1:
        run_service(app, listener)
        return
    app.close()  # each process opens its own
    run_processes(listener, workers)


def load_service_settings() -> Settings:
    """The settings of a process that serves or works; its log is set up."""
    from labeldock.settings import load_settings
    from labeldock.telemetry import configure_logging

    settings = load_settings()
    configure_logging(settings)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # serve says what matters
    return settings


def open_listener(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        InvalidInput: the address is not one of this machine's, or the port is taken.
    """
    from labeldock.contract.errors import InvalidInput

    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or "it is taken"
        raise InvalidInput(
            f"The service cannot listen on {host}, port {port}: {reason}.",
            field="port",
            remedy="Choose another one with --port, or --host.",
        ) from None


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

    _prepare_signals()
    server = uvicorn.Server(uvicorn.Config(compose_service(app), **_choose_options()))
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        raise typer.Exit(FAILURE)


def run_processes(listener: socket.socket, count: int) -> None:
    """The same in several processes, which are started again when they die."""
    import uvicorn

    host, port = listener.getsockname()[:2]
    listener.close()  # uvicorn opens it again, in the form that its processes take
    _prepare_signals()
    uvicorn.run(
        f"{__name__}:{build_web_app.__name__}",
        factory=True,
        host=host,
        port=port,
        workers=count,
        **_choose_options(),
    )


def _choose_options() -> dict[str, Any]:
    return {
        "http": HTTP_PROTOCOL,
        "log_config": None,  # the service's own log takes uvicorn's lines
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": STOP_SECONDS,
    }


def _prepare_signals() -> None:
    # Uvicorn raises the signal again once it has stopped, when there is no more need.
    signal.signal(signal.SIGTERM, lambda *_: None)


def build_web_app() -> Starlette:
    """The web application of one process, from its environment; for uvicorn."""
    from labeldock.services.context import open_context

    return compose_service(open_context(load_service_settings()))


def compose_service(parts: AppContext) -> Starlette:
    """The web application, ringing the broker, with a worker beside it if embedded."""
    import asyncio

    from labeldock.jobs.bell import attach_bell
    from labeldock.jobs.broker import build_broker
    from labeldock.jobs.worker import Worker
    from labeldock.web.app import create_app

    broker = build_broker(parts.settings)
    app = attach_bell(parts, broker)

    @asynccontextmanager
    async def live(_: Starlette) -> AsyncIterator[None]:
        worker = Worker(app, broker) if app.settings.is_embedded else None
        if worker is not None:
            worker.start()
        try:
            yield
        finally:
            if worker is not None:
                await asyncio.to_thread(worker.stop, STOP_SECONDS)
            broker.close()
            app.close()

    return create_app(app, lifespan=live)


def work() -> None:
    """Do the work of syncs and exports, on any number of machines.

    They share the database and the broker. SIGTERM or Ctrl-C ends it.
    """
    from labeldock.jobs.bell import attach_bell
    from labeldock.jobs.broker import build_broker
    from labeldock.jobs.worker import Worker
    from labeldock.services.context import opened_context

    settings = load_service_settings()
    ended = threading.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: ended.set())
    broker = build_broker(settings)
    with opened_context(settings) as app:
        worker = Worker(attach_bell(app, broker), broker)
        worker.start()
        typer.echo("The worker is ready; Ctrl-C stops it.", err=True)
        ended.wait()
        worker.stop(STOP_SECONDS)
        broker.close()

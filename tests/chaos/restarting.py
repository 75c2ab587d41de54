"""Servers of a story's own, which it may kill and start again at their port."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import moto, postgres, redis
from tests.servers.families import kill_family
from tests.servers.process import (
    ATTEMPTS,
    ServerFailed,
    free_port,
    run_server,
    temporary_folder,
    wait_until_ready,
)

# What was committed outlives a crash of the server; that of the machine is not played.
_SAFE = ("-c", "synchronous_commit=on")


@dataclass
class RestartableServer:
    """A server that comes back at the same address, with what it kept on its disk.

    Attributes:
        url: where it is.
        command: starts it.
        folder: where it runs.
        is_ready: whether a process of it answers.
        stop: the signal that ends it in good order.
        user: whom it runs as.
    """

    url: str
    command: Sequence[str]
    folder: Path
    is_ready: Callable[[subprocess.Popen[bytes]], bool | None]
    stop: signal.Signals = signal.SIGTERM
    user: str | None = None
    _life: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        for _ in range(ATTEMPTS - 1):
            with contextlib.suppress(ServerFailed):  # a client has taken the port
                self._start_once()
                return
        self._start_once()

    def _start_once(self) -> None:
        with contextlib.ExitStack() as stack:
            running = run_server(
                self.command, self.folder, user=self.user, stop=self.stop
            )
            process = stack.enter_context(running)
            wait_until_ready(process, self.folder, lambda: self.is_ready(process))
            self._process, self._life = process, stack.pop_all()

    def restart(self, ending: signal.Signals) -> None:
        """End it with this signal, and start it again."""
        assert self._process is not None
        self._process.send_signal(ending)
        self._process.wait()
        self._life.close()
        self.start()

    def kill(self) -> None:
        """Kill -9 all its processes, and wait until they are gone."""
        assert self._process is not None
        kill_family(self._process.pid)
        self._process.wait()
        self._life.close()

    @property
    def pid(self) -> int:
        """The number of its first process."""
        assert self._process is not None
        return self._process.pid

    def close(self) -> None:
        """End it."""
        self._life.close()


@contextlib.contextmanager
def restartable_postgres() -> Iterator[RestartableServer]:
    """A PostgreSQL with an empty database."""
    programs, user = postgres.find_programs(), postgres.choose_user()
    with temporary_folder("postgres", user) as folder:
        data, port = folder / "data", free_port()
        postgres.init(programs, data, user)
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        server = RestartableServer(
            url,
            [*postgres.build_command(programs, data, port), *_SAFE],
            folder,
            lambda _: postgres.ask(url, data),
            stop=signal.SIGINT,
            user=user,
        )
        with contextlib.closing(server):
            server.start()
            yield server


@contextlib.contextmanager
def restartable_redis() -> Iterator[RestartableServer]:
    """A Redis that keeps nothing."""
    program = redis.find_program()
    with temporary_folder("redis") as folder:
        port = free_port()
        server = RestartableServer(
            f"redis://127.0.0.1:{port}/0",
            redis.build_command(program, folder, port),
            folder,
            lambda process: redis.ask(process, port),
        )
        with contextlib.closing(server):
            server.start()
            yield server


@contextlib.contextmanager
def restartable_moto() -> Iterator[RestartableServer]:
    """An S3 server whose objects lie on the disk."""
    with temporary_folder("moto") as folder:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        script = Path(moto.__file__).with_name("lasting_moto.py")
        # -P: beside the script is another module of the name "moto".
        program = [sys.executable, "-P", str(script), "journal"]
        server = RestartableServer(
            url,
            [*program, "-H", "127.0.0.1", "-p", str(port)],
            folder,
            lambda process: moto.ask(process, url),
        )
        with contextlib.closing(server):
            server.start()
            yield server

"""The command line, loaded once: each command is a fork of a process that has it.

A command is a process of its own with its own arguments, environment, folder, streams
and exit code, as in a terminal, and starts in a tenth of the time. Programs in a folder
for PATH ask for it, so that pages are run by a shell as they stand.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENT = """\
#!{python} -SE
import json, os, signal, socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect({address!r})
words = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(s, [struct.pack("!I", len(words))], [0, 1, 2])
s.sendall(words)
pid = struct.unpack("!i", s.recv(4))[0]
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda n, _: os.kill(pid, n))
sys.exit(struct.unpack("!i", s.recv(4))[0])
"""


@contextlib.contextmanager
def forked_commands():
    """A folder with a program `labeldock`, good while the block lasts."""
    with tempfile.TemporaryDirectory(prefix="labeldock-cli-", dir="/tmp") as name:
        folder = Path(name)
        address = str(folder / "socket")
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.forks", address],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        programs = folder / "bin"
        programs.mkdir()
        program = programs / "labeldock"
        program.write_text(CLIENT.format(python=sys.executable, address=address))
        program.chmod(0o755)
        try:
            assert server.stdout.readline() == b"ready\n"
            yield programs
        finally:
            server.terminate()
            server.communicate()


def serve(address):
    """Fork for each who connects, until terminated or left alone."""
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    os.write(1, b"ready\n")
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), 1
    )  # whoever started this waits for its end
    while True:
        asking, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _attend(asking)
        asking.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _load():
    """What commands import, without anything that makes threads or connections."""
    import labeldock.cli.application
    import labeldock.cli.serving
    import labeldock.db.schema
    import labeldock.jobs.worker
    import labeldock.services.context
    import labeldock.services.working
    import labeldock.web.app  # noqa: F401


def _attend(asking):
    """Fork once more for the command itself, and tell how it ended."""
    head, streams, _, _ = socket.recv_fds(asking, 4, 3)
    left = int.from_bytes(head, "big")
    text = b""
    while len(text) < left:
        text += asking.recv(left - len(text))
    arguments, folder, environment = json.loads(text)
    pid = os.fork()
    if pid == 0:
        asking.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        _become(arguments, folder, environment)
    for stream in streams:
        os.close(stream)
    asking.sendall(pid.to_bytes(4, "big", signed=True))
    _watch(asking, pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):
        asking.sendall((code if code >= 0 else 128 - code).to_bytes(4, "big"))
    os._exit(0)


def _watch(asking, pid):
    """Wait for the end of a command; it is killed if whoever asked for it is gone."""
    ended = os.pidfd_open(pid)
    ready, _, _ = select.select([asking, ended], [], [])
    if ended not in ready:
        os.killpg(pid, signal.SIGKILL)


def _become(arguments, folder, environment):
    from labeldock.__main__ import main

    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = arguments
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, closefd=False)
        for number, mode in enumerate(("r", "w", "w"))
    )
    code = 1
    try:
        code = main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])

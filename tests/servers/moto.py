"""An S3 server for behaviour and paging: moto, in a process of its own.

It accepts any key and any signature, so it proves nothing about credentials; Swift is
there for that. Everything in it is thrown away by `reset`.
"""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

from tests.servers.certificates import Certificate
from tests.servers.process import (
    free_port,
    run_server,
    temporary_folder,
    wait_until_ready,
)

# As it is, moto knows no key with a line break: its routes are patterns without DOTALL.
START = """
import sys
from moto.moto_server import utilities, werkzeug_app
from moto.server import main

class Converter(utilities.RegexConverter):
    def __init__(self, url_map, *items):
        super().__init__(url_map, *items)
        self.regex = f"(?s:{self.regex})"

werkzeug_app.RegexConverter = Converter
main(sys.argv[1:])
"""


@contextlib.contextmanager
def run_moto(certificate: Certificate | None = None) -> Iterator[str]:
    """Start the server, with TLS if there is a certificate, and give its address."""
    with temporary_folder("moto") as folder, contextlib.ExitStack() as stack:
        port = free_port()
        command = [sys.executable, "-c", START, "-H", "127.0.0.1"]
        command += ["-p", str(port)]
        url = f"http://127.0.0.1:{port}"
        if certificate:
            command += ["-c", str(certificate.path), "-k", str(certificate.key_path)]
            url = f"https://127.0.0.1:{port}"
        server = stack.enter_context(run_server(command, folder))
        wait_until_ready(server, folder, lambda: ask(server, url))
        yield url


def reset(url: str) -> None:
    """Forget every bucket."""
    request = urllib.request.Request(f"{url}/moto-api/reset", method="POST")
    urllib.request.urlopen(request, timeout=10).close()


def ask(server: subprocess.Popen[bytes], url: str) -> bool | None:
    """Whether a server answers there."""
    del server
    try:
        urllib.request.urlopen(f"{url}/moto-api/", timeout=2).close()
    except urllib.error.URLError as error:
        # It answers, only nobody trusts it yet.
        return isinstance(error.reason, ssl.SSLError) or None
    except OSError:
        return None
    return True

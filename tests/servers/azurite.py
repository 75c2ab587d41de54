"""Azurite: a Blob service that checks keys and signatures, in memory."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.certificates import Certificate
from tests.servers.process import (
    ServerMissing,
    free_port,
    run_server,
    temporary_folder,
    wait_until_ready,
)

ROOT = Path(__file__).parents[2]
ACCOUNT = "devstoreaccount1"
# The key of Azurite's development account, which its documentation gives to everybody.
KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBe"
    "ksoGMGw=="
)


@dataclass(frozen=True, slots=True)
class AzuriteServer:
    """A running Azurite and its one account."""

    url: str
    account: str = ACCOUNT
    key: str = KEY


@contextlib.contextmanager
def run_azurite(certificate: Certificate | None = None) -> Iterator[AzuriteServer]:
    """Start Azurite; with a certificate it speaks TLS, and believes every token.

    Raises:
        ServerMissing: it is not installed in the checkout.
    """
    program = ROOT / "node_modules" / ".bin" / "azurite-blob"
    if shutil.which("node") is None or not program.exists():
        raise ServerMissing("azurite", "nodejs npm && npm ci")
    with temporary_folder("azurite") as folder, contextlib.ExitStack() as stack:
        port = free_port()
        command = [str(program), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
        command += ["--inMemoryPersistence", "--silent", "--disableTelemetry"]
        command += ["--skipApiVersionCheck"]
        url = f"http://127.0.0.1:{port}/{ACCOUNT}"
        if certificate:
            command += ["--cert", str(certificate.path)]
            command += ["--key", str(certificate.key_path), "--oauth", "basic"]
            url = f"https://127.0.0.1:{port}/{ACCOUNT}"
        server = stack.enter_context(run_server(command, folder))
        wait_until_ready(server, folder, lambda: _ask(server, url))
        yield AzuriteServer(url)


def _ask(server: subprocess.Popen[bytes], url: str) -> bool | None:
    del server
    try:
        urllib.request.urlopen(f"{url}?comp=list", timeout=2).close()
    except urllib.error.HTTPError:
        return True  # it refuses, so it is there
    except urllib.error.URLError as error:
        # It answers, only nobody trusts it yet.
        return isinstance(error.reason, ssl.SSLError) or None
    except OSError:
        return None
    return True

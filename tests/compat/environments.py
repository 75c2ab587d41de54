"""Environments of others' programs, each made once and kept in `artifacts`.

There is one for each generation of the SDK, and one for Label Studio. The SDK's own
list of requirements comes to 460 MB; what importing it needs is pinned in
`requirements.txt` and comes to a third of that.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT
from tests.servers.process import ServerMissing

NEWEST = "2.1.2"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
CACHE = ROOT / "artifacts" / "compat"
LIMIT = 300  # seconds for one command


def find_python(version):
    """The interpreter of an environment with this version of the SDK.

    Raises:
        ServerMissing: it cannot be installed here, as without a package index.
    """
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:8]
    sdk = f"label-studio-sdk=={version}"
    lists = ["-r", str(REQUIREMENTS)], ["--no-deps", sdk]
    return prepare(f"sdk-{version}-{pins}", *lists) / "bin" / "python"


def find_environment(name):
    """Where the environment of this name is, or will be; for this Python alone."""
    return CACHE / f"{name}-{sys.version_info[0]}{sys.version_info[1]}"


def is_made(name):
    """Whether the environment is there, complete."""
    return (find_environment(name) / "complete").exists()


def prepare(name, *lists):
    """An environment with what each list of uv's arguments installs, made if need be.

    Raises:
        ServerMissing: it cannot be made here.
    """
    root = find_environment(name)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other test processes wait
        if not is_made(name):
            _build(root, lists)
            (root / "complete").touch()
    return root


def _build(root, lists):
    python = ("--python", str(root / "bin" / "python"))
    _run_uv("venv", "--clear", "--python", sys.executable, str(root))
    for arguments in lists:
        _run_uv("pip", "install", *python, *arguments)


def _run_uv(*arguments):
    command = [sys.executable, "-m", "uv", "--no-progress", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LIMIT
    )
    if done.returncode:
        raise SdkMissing(done.stderr.strip()[-500:])


class SdkMissing(ServerMissing):
    """What is to be in the environment cannot be installed on this machine."""

    def __init__(self, reason):
        Exception.__init__(self, f"this cannot be installed here: {reason}")

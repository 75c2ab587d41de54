"""An environment for each generation of the SDK, made once and kept in `artifacts`.

The SDK's own list of requirements comes to 460 MB; what importing it needs is pinned
in `requirements.txt` and comes to a third of that.
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
LIMIT = 100  # seconds for one command


def find_python(version):
    """The interpreter of an environment with this version of the SDK.

    Raises:
        ServerMissing: it cannot be installed here, as without a package index.
    """
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:8]
    root = CACHE / f"sdk-{version}-{pins}-{sys.version_info[0]}{sys.version_info[1]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other test processes wait
        done = root / "complete"
        if not done.exists():
            _build(root, version)
            done.touch()
    return root / "bin" / "python"


def _build(root, version):
    python = ("--python", str(root / "bin" / "python"))
    _run_uv("venv", "--clear", "--python", sys.executable, str(root))
    _run_uv("pip", "install", *python, "-r", str(REQUIREMENTS))
    sdk = f"label-studio-sdk=={version}"
    _run_uv("pip", "install", *python, "--no-deps", sdk)


def _run_uv(*arguments):
    command = [sys.executable, "-m", "uv", "--no-progress", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LIMIT
    )
    if done.returncode:
        raise SdkMissing(done.stderr.strip()[-500:])


class SdkMissing(ServerMissing):
    """The SDK cannot be installed on this machine."""

    def __init__(self, reason):
        Exception.__init__(self, f"label-studio-sdk cannot be installed: {reason}")

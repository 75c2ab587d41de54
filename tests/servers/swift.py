"""OpenStack Swift with its S3 interface, for what has to be true of signatures.

Unlike moto it checks keys, signatures and expiry, of headers and of signed URLs. It has
no conditional writes, no policies and no CORS. One process each for proxy, account,
container and object, on free ports, with one device in a temporary folder.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import (
    ServerMissing,
    free_port,
    run_server,
    temporary_folder,
    wait_until_ready,
)

PACKAGES = "swift-proxy swift-account swift-container swift-object"
KEY_ID, SECRET = "labels:tester", "swift-secret-1"
OTHER_KEY_ID, OTHER_SECRET = "labels:reader", "swift-secret-2"  # may do nothing
# An account of its own, whose buckets the others do not see.
ARCHIVE_KEY_ID, ARCHIVE_SECRET = "archive:keeper", "swift-secret-3"

# Debian's Swift reads /etc/swift/swift.conf unless it is told otherwise in Python.
START = """
import sys
from swift.common import utils
utils.set_swift_dir(sys.argv[1])
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(sys.argv[2], sys.argv[3]))
"""

HASHES = """[swift-hash]
swift_hash_path_prefix = labeldock
swift_hash_path_suffix = labeldock
"""

BACKEND = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
user = {user}
fallocate_reserve = 0
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
fallocate_reserve = 0
"""

PROXY = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}
user = {user}
[pipeline:main]
pipeline = catch_errors gatekeeper cache s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:slo]
use = egg:swift#slo
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
allow_multipart_uploads = true
min_segment_size = 1048576
dns_compliant_bucket_names = true
check_bucket_owner = false
[filter:tempauth]
use = egg:swift#tempauth
user_labels_tester = swift-secret-1 .admin
user_labels_reader = swift-secret-2
user_archive_keeper = swift-secret-3 .admin
"""


@dataclass(frozen=True, slots=True)
class SwiftServer:
    """A running Swift: its address, and a user who may do everything."""

    url: str
    key_id: str = KEY_ID
    secret: str = SECRET
    region: str = "us-east-1"


@contextlib.contextmanager
def run_swift() -> Iterator[SwiftServer]:
    """Start Swift.

    Raises:
        ServerMissing: it is not installed.
    """
    builder = shutil.which("swift-ring-builder")
    python = find_system_python()
    if builder is None or python is None:
        raise ServerMissing("Swift", PACKAGES)
    with temporary_folder("swift") as folder, contextlib.ExitStack() as stack:
        (folder / "swift.conf").write_text(HASHES)
        (folder / "devices" / "one").mkdir(parents=True)
        ports = {kind: free_port() for kind in ("account", "container", "object")}
        for kind, port in ports.items():
            _build_ring(builder, folder, kind, port)
        ports["proxy"] = free_port()
        servers = {
            kind: _start(stack, python, folder, f"{kind}-server", port)
            for kind, port in ports.items()
        }
        for kind, server in servers.items():
            url = f"http://127.0.0.1:{ports[kind]}"
            _wait_for(server, folder / f"{kind}-server", url)
        yield SwiftServer(url)


def find_system_python() -> str | None:
    """The interpreter that Debian's Swift was installed for."""
    python = "/usr/bin/python3"
    if not Path(python).exists():
        return None
    known = subprocess.run(
        [python, "-c", "import swift.common.wsgi"], capture_output=True, check=False
    )
    return python if known.returncode == 0 else None


def _build_ring(builder: str, folder: Path, kind: str, port: int) -> None:
    name = f"{kind}.builder"
    for arguments in (
        ["create", "6", "1", "1"],
        ["add", f"r1z1-127.0.0.1:{port}/one", "1"],
        ["rebalance"],
    ):
        subprocess.run(
            [builder, name, *arguments], cwd=folder, check=True, capture_output=True
        )


def _start(
    stack: contextlib.ExitStack,
    python: str,
    folder: Path,
    name: str,
    port: int,
) -> subprocess.Popen[bytes]:
    own = folder / name
    own.mkdir()
    configuration = own / f"{name}.conf"
    user = pwd.getpwuid(os.getuid()).pw_name
    kind = name.removesuffix("-server")
    template = PROXY if kind == "proxy" else BACKEND
    configuration.write_text(
        template.format(port=port, folder=folder, user=user, kind=kind)
    )
    command = [python, "-c", START, str(folder), str(configuration), name]
    return stack.enter_context(run_server(command, own))


def _wait_for(server: subprocess.Popen[bytes], folder: Path, url: str) -> None:
    wait_until_ready(server, folder, lambda: _ask(url))


def _ask(url: str) -> bool | None:
    try:
        urllib.request.urlopen(f"{url}/", timeout=2)
    except urllib.error.HTTPError:
        return True  # it refuses, so it is there
    except OSError:
        return None
    return True

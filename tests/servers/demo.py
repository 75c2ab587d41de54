"""`./dev demo --s3`: the demo on a bucket of a test server, gone when it ends.

python -m tests.servers.demo [OPTIONS OF THE DEMO]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

from tests.servers.moto import run_moto

BUCKET = "labels"
URI = f"s3://{BUCKET}/demo"


def main() -> int:
    """Start the server, make the bucket, run the demo; its exit code."""
    with run_moto() as url, TemporaryDirectory(prefix="labeldock-demo-") as folder:
        urlopen(Request(f"{url}/{BUCKET}", method="PUT"), timeout=10).close()
        settings = {
            "s3_endpoint": url,
            "aws_access_key_id": "any",  # the server believes everybody
            "aws_secret_access_key": "any",
        }
        words = [w for name in settings for w in ("--set", f"{name}={settings[name]}")]
        command = [sys.executable, "-m", "labeldock", "demo", "--storage", URI, *words]
        home = str(Path(folder) / "labeldock-data")
        process = subprocess.Popen(
            [*command, *sys.argv[1:]], env={**os.environ, "LABELDOCK_HOME": home}
        )
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the demo has got it too, and ends
                continue


if __name__ == "__main__":
    sys.exit(main())

"""Python code in processes of their own, which can be killed and can compete."""

from __future__ import annotations

import subprocess
import sys
import textwrap

PREAMBLE = """
import io, os, sys
from labeldock.contract import *
from labeldock_local.options import *
from labeldock_local.plugin import provider
storage = StorageRef(
    id=1, provider="local", purpose=Purpose.EXPORT, fingerprint="x",
    options=LocalOptions(path=sys.argv[1]),
    operator=LocalOperatorOptions(roots=(sys.argv[1],)),
)
def save(key, data, condition=ALWAYS):
    content = BytesContent(data) if isinstance(data, bytes) else data
    request = WriteRequest(key, content, "text/plain", condition)
    return provider.save_annotation(storage, request).etag
"""


def start_python(code, folder):
    """Start a process that runs the code, with `storage` and `save` at hand."""
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(code), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_python(code, folder):
    """The exit code of that process and what it wrote, errors after the rest."""
    process = start_python(code, folder)
    output = "".join(process.communicate(timeout=60))
    return process.returncode, output

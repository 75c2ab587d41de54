"""Every provider of this workspace is held to every scenario of the kit."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.sources import ROOT


def test_every_provider_has_a_conformance_class_with_every_scenario():
    suites = sorted(map(str, ROOT.glob("tests/plugins/*/test_conformance.py")))

    options = ["--collect-only", "-q", "--labeldock-complete"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *suites],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert suites
    assert done.returncode == 0, done.stderr

"""The files of the hosted mode: `compose.yaml` and the `Dockerfile`.

What they start is in `test_hosted_story.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.hosted import COMPOSE, read_compose

ROOT = COMPOSE.parent


@pytest.fixture(scope="module")
def compose():
    return read_compose()


def test_settings_of_the_compose_file_are_settings_of_labeldock(compose):
    from labeldock.settings import Settings

    told = compose["services"]["web"]["environment"]
    known = {f"LABELDOCK_{name.upper()}" for name in Settings.model_fields}

    assert set(told) <= known


def test_no_service_of_ours_may_more_than_it_needs(compose):
    for name in ("migrate", "web", "worker"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_runs_as_somebody_without_rights():
    lines = (ROOT / "Dockerfile").read_text().splitlines()

    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER 10001"]


def test_the_linter_finds_nothing_in_the_dockerfile():
    program = shutil.which(
        "hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    assert program, "run: ./dev setup"
    done = subprocess.run(
        [program, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")

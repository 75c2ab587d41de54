"""The tutorial works: its commands are run as they stand, in one shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-steps.md"
SCRIPT = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_tutorial_do_what_it_says(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"\xff\xd8")
    script = "".join(SCRIPT.findall(PAGE.read_text("utf-8")))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {
        **os.environ,
        "PATH": path,
        "PYTHONPYCACHEPREFIX": str(tmp_path.parent / "pycache"),
        "PYTHONDONTWRITEBYTECODE": "",
    }

    done = subprocess.run(
        ["sh", "-eu"],
        cwd=tmp_path,
        env=environment,
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Run 3 completed: 3 seen, 12 existed, 1 created." in done.stdout
    assert "Run 4 completed: 1 seen, 1 new, 1 created." in done.stdout
    assert (tmp_path / "annotations.csv").read_text().count("Circle") >= 1
    assert "Run 3 completed: 3 seen, 12 existed, 1 created." in PAGE.read_text("utf-8")

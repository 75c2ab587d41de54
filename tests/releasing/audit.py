"""Known weaknesses of the dependencies, as pip-audit is told by its service."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.releasing.failures import ReleaseFailed
from tests.releasing.versions import CORE

TIMEOUT = 15  # seconds, for each answer of the service
SKIP = "--skip-audit"


def ask_service(packages: Path) -> tuple[int, str, str]:
    """Let pip-audit look at the packages of a folder: exit code, output, complaints."""
    command = [sys.executable, "-m", "pip_audit", "--path", str(packages)]
    command += ["--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(
        [*command, "--timeout", str(TIMEOUT)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def judge(code: int, output: str, said: str) -> str:
    """What came of it, in a line.

    Raises:
        ReleaseFailed: there are weaknesses, or nobody could be asked.
    """
    try:
        found = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        raise _refuse(f"pip-audit ended with {code}: {_find_reason(said)}") from None
    weak = [
        f"{each['name']} {each['version']}: {flaw['id']}"
        f" (repaired in {', '.join(flaw['fix_versions']) or 'no version yet'})"
        for each in found
        for flaw in each.get("vulns", ())
    ]
    if weak or code != 0:
        raise ReleaseFailed("known weaknesses:\n  " + "\n  ".join(weak or [said]))
    unknown = [each["name"] for each in found if _is_unknown(each)]
    if unknown:
        names = ", ".join(unknown[:5])
        raise _refuse(f"it knows nothing of {len(unknown)} packages ({names}, …)")
    return f"none of {len(found)} packages has a known weakness"


def _is_unknown(package: dict) -> bool:
    """Whether nothing is known of a package that is not one of ours."""
    return "vulns" not in package and not package["name"].startswith(CORE)


def _refuse(reason: str) -> ReleaseFailed:
    return ReleaseFailed(
        f"the dependencies were NOT audited: {reason}. Run this where pip-audit can "
        f"reach its service, or say {SKIP} and audit them before uploading."
    )


def _find_reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it did not say why"

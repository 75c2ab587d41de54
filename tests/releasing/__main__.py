"""`./dev release`: all distributions together, checked, tagged, and never uploaded.

python -m tests.releasing [VERSION] [--check] [--skip-audit] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.architecture.sources import ROOT
from tests.releasing import changelog, steps, versions
from tests.releasing.failures import ReleaseFailed, say
from tests.releasing.steps import Release

HELP = """\
Everything is prepared in a copy: versions, changelog, frozen schema, archives, which
are looked into, installed and used. Only when all of it is right are the changed files
taken over, committed and tagged. Nothing is pushed or uploaded.
"""


def main(arguments: list[str] | None = None) -> int:
    """Make a release, or try whether one could be made; the exit code."""
    asked = _parse(arguments)
    try:
        version = asked.version or choose_version(asked.root)
        make(asked, version)
    except ReleaseFailed as failure:
        say(f"stopped: {failure}")
        return 1
    return 0


def make(asked: argparse.Namespace, version: str) -> None:
    """Go through the steps of a release.

    Raises:
        ReleaseFailed: one of them stops it; the checkout is as it was.
    """
    with TemporaryDirectory(prefix="labeldock-release-") as work:
        release = Release(asked.root, Path(work).resolve(), asked.out, version)
        steps.require_readiness(release)
        steps.prepare(release)
        steps.build(release)
        made = steps.try_out(release)
        steps.take_stock(release, made, skips_audit=asked.skip_audit)
        if asked.check:
            say("all is well; this was a trial, and nothing was changed")
            return
        steps.finish(release)
        sys.stdout.write(steps.describe_upload(release) + "\n")


def choose_version(root: Path) -> str:
    """The version that the tree has, if it was not released yet.

    Raises:
        ReleaseFailed: it was; the next one has to be named.
    """
    text = (root / "CHANGELOG.md").read_text("utf-8")
    version = versions.list_distributions(root)[0].version
    if version in dict(changelog.list_releases(text)):
        raise ReleaseFailed(f"{version} is released; name the next version")
    return version


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./dev release", description=HELP)
    parser.add_argument("version", nargs="?", help="such as 0.2.0, or 0.2.0rc1")
    parser.add_argument(
        "--check", action="store_true", help="only try; change and tag nothing"
    )
    parser.add_argument(
        "--skip-audit",
        action="store_true",
        help="go on where the service of known weaknesses cannot be asked",
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "dist", help="for the archives; is emptied"
    )
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    asked.out, asked.root = asked.out.resolve(), asked.root.resolve()
    return asked


if __name__ == "__main__":
    sys.exit(main())

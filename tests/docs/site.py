"""The documentation as a site: `python -m tests.docs.site build`, or `serve`.

The pages are copied first, the README and its neighbours too, and keep their places to
one another; so their links hold, and one that leads nowhere fails the build.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "zensical.toml"
BESIDE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")


def read_settings():
    """The settings of the site."""
    return tomllib.loads(CONFIGURATION.read_text("utf-8"))["project"]


def list_nav(entries=None):
    """The pages that the navigation names, in its order."""
    for entry in read_settings()["nav"] if entries is None else entries:
        for value in entry.values() if isinstance(entry, dict) else (entry,):
            if isinstance(value, list):
                yield from list_nav(value)
            else:
                yield value


def list_pages():
    """The pages that the site has."""
    found = sorted(ROOT.glob("docs/**/*.md"))
    return [*BESIDE, *(str(page.relative_to(ROOT)) for page in found)]


def copy_sources(folder):
    """The pages, with their pictures and schemas, in a folder of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder / "docs")
    for name in BESIDE:
        shutil.copy(ROOT / name, folder / name)


def build_site(root=ROOT, *, serve=False):
    """Build it strictly, from sources below a folder with the settings in it."""
    program = str(Path(sys.executable).parent / "zensical")
    command = ["serve"] if serve else ["build", "--strict", "--clean"]
    return subprocess.run(
        [program, *command], cwd=root, capture_output=not serve, text=True, check=False
    )


def main():
    """Copy, and build or serve."""
    copy_sources(ROOT / read_settings()["docs_dir"])
    done = build_site(serve=sys.argv[1:] == ["serve"])
    sys.stdout.write((done.stdout or "") + (done.stderr or ""))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()

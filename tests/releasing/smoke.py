"""Wheels at work: each alone, all together, and the application with a real folder."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from tests.releasing.environments import Environment, build_variables
from tests.releasing.failures import ReleaseFailed
from tests.releasing.versions import CORE, Distribution

# What belongs to the application, or to one provider, and not to the base.
HEAVY = {"starlette", "sqlalchemy", "dramatiq", "typer", "boto3", "azure", "google"}
ENTRIES = """
import sys
from importlib.metadata import entry_points
for group in ("labeldock.providers", "labeldock.plugins"):
    for entry in entry_points(group=group):
        entry.load()
        print(entry.name)
heavy = sorted(set(sys.modules) & set(sys.argv[1].split(",")))
assert not heavy, f"loaded without need: {heavy}"
"""
FORMS = """
import sys
from labeldock.host import load_catalog
info = load_catalog().provider(sys.argv[1]).info
print(len(info.import_options.model_json_schema()["properties"]))
"""
KIT = """
from labeldock.testing.memory_rig import MemoryRig
from labeldock.testing.suites import ProviderSuite


class TestMemory(ProviderSuite):
    rig_class = MemoryRig
"""
PICTURES = ("a.png", "b.png", "deeper/c.png")
# What is asked of the service -> the status, and something that the answer holds.
PAGES = {
    "ready": (200, "READY"),
    "": (200, "<form"),  # the page to log in, out of its template
    "static/style.css": (200, "{"),
    "api/version": (200, CORE),
}


def try_base(made: Environment, base: Distribution) -> None:
    """The base alone: it starts, has no providers, and writes a new one's package.

    Raises:
        ReleaseFailed: something of it does not work.
    """
    _expect(made.run("labeldock", "--version"), f"{CORE} {base.version}\n")
    _expect(made.ask("plugins"), [])
    _expect(made.run("python", "-c", ENTRIES, ",".join(HEAVY)), "")
    made.run("python", "-c", "from labeldock import StorageProvider, hookimpl")
    made.run("labeldock", "new-provider", "shelf", "--into", made.folder)
    if not (made.folder / "labeldock-shelf" / "pyproject.toml").exists():
        raise ReleaseFailed("new-provider wrote no package: its template is missing")


def try_provider(made: Environment, distribution: Distribution) -> None:
    """One provider beside the base: found, loaded, with a form, and without its SDK.

    Raises:
        ReleaseFailed: as above.
    """
    (name,) = distribution.project["entry-points"]["labeldock.providers"]
    (found,) = made.ask("plugins")
    told = {key: found[key] for key in ("name", "version", "status", "reason")}
    version = distribution.version
    loaded = {"name": name, "version": version, "status": "loaded", "reason": None}
    _expect(told, loaded)
    _expect(made.run("python", "-c", ENTRIES, ",".join(HEAVY)), f"{name}\n")
    if int(made.run("python", "-c", FORMS, name)) < 1:
        raise ReleaseFailed(f"{distribution.name} has no settings")


def try_all(made: Environment, distributions: list[Distribution]) -> None:
    """The application with every provider: a folder is imported, and shown.

    Raises:
        ReleaseFailed: as above.
    """
    states = {each["name"]: each["status"] for each in made.ask("plugins")}
    _expect(
        states,
        {each.name.removeprefix(f"{CORE}-"): "loaded" for each in distributions[1:]},
    )
    folder = made.folder / "pictures"
    for name in PICTURES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\x89PNG")
    roots = {"LABELDOCK_LOCAL_ROOTS": str(folder)}
    words = ("--admin", "--email", "release@example.org")
    made.run("labeldock", "migrate", **roots)
    made.run("labeldock", "user", "create", *words, typed=uuid4().hex, **roots)
    project = made.ask("project", "create", "--title", "Smoke", **roots)["id"]
    add = ("--project", project, "--blob", "--recursive", "--path", folder)
    storage = made.ask("storage", "add", "local", *add, **roots)["id"]
    run = made.ask("storage", "sync", storage, **roots)
    _expect((run["state"], run["counts"]["created"]), ("completed", len(PICTURES)))
    with _serving(made, roots) as address:
        for page, (status, text) in PAGES.items():
            found, body = _fetch(address + page)
            if found != status or text not in body:
                raise ReleaseFailed(f"/{page} answers with {found}:\n{body[:500]}")


def try_kit(made: Environment) -> None:
    """The kit finds its suites, and the reference provider passes some of them.

    Raises:
        ReleaseFailed: as above.
    """
    folder = made.folder / "kit"
    folder.mkdir()
    (folder / "test_memory.py").write_text(KIT)
    said = made.run("python", "-m", "pytest", "-q", folder, "-k", "test_l or test_e8")
    if not re.search(r"[1-9]\d* passed", said):
        raise ReleaseFailed(f"the kit ran nothing:\n{said}")


def _fetch(url: str) -> tuple[int, str]:
    try:
        asked = Request(url, headers={"Accept": "text/html, */*"})
        with urlopen(asked, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        raise ReleaseFailed(f"{url} does not answer: {error}") from error


@contextmanager
def _serving(made: Environment, settings: dict[str, str]) -> Iterator[str]:
    """The address of a service that runs while the block lasts."""
    process = subprocess.Popen(
        [made.folder / "bin" / "labeldock", "serve", "--port", "0"],
        cwd=made.folder,
        env=build_variables(made.folder, settings),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield _read_address(process)
        process.send_signal(signal.SIGTERM)
        _expect(process.wait(30), 0)
    finally:
        process.kill()
        process.communicate()


def _read_address(process: subprocess.Popen) -> str:
    said = []
    for line in process.stderr:
        if found := re.search(r"http://\S+:\d+/", line):
            return found[0]
        said.append(line)
    raise ReleaseFailed("the service did not start:\n" + "".join(said))


def _expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise ReleaseFailed(f"expected {wanted!r}, found {found!r}")


def name_requirement(wheel: Path, extras: str = "") -> str:
    """A wheel as something to install, with extras."""
    name = wheel.name.partition("-")[0].replace("_", "-")
    return f"{name}[{extras}] @ {wheel.as_uri()}" if extras else str(wheel)

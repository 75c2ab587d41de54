"""The direction of imports, here and on planted sources that break it."""

from __future__ import annotations

import pytest

from tests.architecture.floors import FLOORS, find_breaches, find_cycle
from tests.architecture.sources import CORE, list_modules, source_roots

PYPROJECT = '[project]\nname = "labeldock-x"\ndependencies = ["labeldock", "redis"]\n'


def test_every_import_goes_down():
    core, *plugins = source_roots()

    breaches = find_breaches(core, plugins)

    assert not breaches, "\n" + "\n".join(breaches)


@pytest.mark.parametrize("root", source_roots(), ids=lambda root: root.parent.name)
def test_no_module_imports_itself_in_a_circle(root):
    cycle = find_cycle(root)

    assert not cycle, " -> ".join(cycle)


def test_the_sources_were_found():
    names = {module.name for module in list_modules(CORE)}

    assert {"labeldock", "labeldock.contract", "labeldock.contract.errors"} <= names
    assert len(source_roots()) > 1


@pytest.fixture
def plant(tmp_path):
    """Write sources of a small core and one plug-in; give their source roots."""

    def write(sources):
        core, plugin = tmp_path / "core" / "src", tmp_path / "plugin" / "src"
        _write(plugin.parent / "pyproject.toml", PYPROJECT)
        for package in FLOORS:
            _write(core / "labeldock" / package / "__init__.py", "")
        _write(core / "labeldock" / "__init__.py", "")
        for name, text in sources.items():
            root = core if name.startswith("labeldock/") else plugin
            _write(root / name, text)
        return core, [plugin]

    return write


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


OFFENCES = {
    "up": ("labeldock/db/a.py", "import labeldock.services", "floor 2"),
    "up_from": ("labeldock/db/a.py", "from labeldock import services", "floor 2"),
    "up_relative": ("labeldock/db/a.py", "from ..services import x", "floor 2"),
    "up_relative_in_init": (
        "labeldock/db/__init__.py",
        "from .. import services",
        "floor 2",
    ),
    "up_late": ("labeldock/db/a.py", "def f():\n    import labeldock.web", "floor 2"),
    "up_in_try": (
        "labeldock/db/a.py",
        "try:\n    import labeldock.web\nexcept ImportError: ...",
        "floor 2",
    ),
    "up_in_else_of_type_checking": (
        "labeldock/db/a.py",
        "if TYPE_CHECKING: ...\nelse:\n    import labeldock.web",
        "floor 2",
    ),
    "siblings": ("labeldock/web/a.py", "import labeldock.jobs", "floor 4"),
    "siblings_back": ("labeldock/jobs/a.py", "import labeldock.web", "floor 4"),
    "base_up": ("labeldock/host/a.py", "import labeldock.db", "the application"),
    "base_beside": (
        "labeldock/host/a.py",
        "from labeldock import settings",
        "the application",
    ),
    "kit_beside": ("labeldock/testing/a.py", "import labeldock.cli", "the application"),
    "kit": ("labeldock/cli/a.py", "import labeldock.testing", "the kit is for tests"),
    "door": ("labeldock/db/a.py", "from labeldock import hookimpl", "the door"),
    "provider": ("labeldock/cli/a.py", "import labeldock_local", "a provider"),
    "base": ("labeldock/host/a.py", "import structlog", "the base imports"),
    "no_floor": ("labeldock/attic/a.py", "", "labeldock.attic stands on no floor"),
    "plugin_up": ("labeldock_x/a.py", "import labeldock.host", "the contract alone"),
    "plugin_up_from": (
        "labeldock_x/a.py",
        "from labeldock import host",
        "the contract alone",
    ),
    "plugin_beside": ("labeldock_x/a.py", "import labeldock_s3", "another one"),
    "plugin_undeclared": ("labeldock_x/a.py", "import sqlalchemy", "no dependency"),
}


@pytest.mark.parametrize("offence", OFFENCES.values(), ids=OFFENCES)
def test_a_forbidden_import_is_found_and_named(plant, offence):
    path, text, reason = offence

    breaches = find_breaches(*plant({path: text}))

    assert len(breaches) == 1
    assert reason in breaches[0]
    assert path in breaches[0] or "stands on no floor" in breaches[0]


HARMLESS = {
    "down": ("labeldock/web/a.py", "from labeldock.services import x"),
    "beside": ("labeldock/telemetry/a.py", "import labeldock.settings"),
    "kit": ("labeldock/testing/a.py", "import pytest, labeldock.host"),
    "own": ("labeldock/db/a.py", "from labeldock.db import b"),
    "typing": (
        "labeldock/db/a.py",
        "if TYPE_CHECKING:\n    from labeldock.services import x",
    ),
    "door": ("labeldock/__main__.py", "import labeldock.cli"),
    "base": ("labeldock/host/a.py", "import json, pluggy, pydantic"),
    "plugin_contract": ("labeldock_x/a.py", "from labeldock.contract import hookimpl"),
    "plugin_face": ("labeldock_x/a.py", "from labeldock import hookimpl"),
    "plugin_own": ("labeldock_x/a.py", "from labeldock_x import b"),
    "plugin_sdk": ("labeldock_x/a.py", "import redis.client"),
}


@pytest.mark.parametrize("source", HARMLESS.values(), ids=HARMLESS)
def test_an_allowed_import_is_left_alone(plant, source):
    path, text = source

    assert find_breaches(*plant({path: text})) == []


CIRCLES = {
    "two": {"a": "import labeldock.db.b", "b": "from labeldock.db import a"},
    "three": {
        "a": "from . import b",
        "b": "from .c import x",
        "c": "if x:\n    from labeldock.db.a import y",
    },
    "package": {"__init__": "from .a import x", "a": "from labeldock.db import y"},
}


@pytest.mark.parametrize("modules", CIRCLES.values(), ids=CIRCLES)
def test_a_circle_is_found(plant, modules):
    core, _ = plant({f"labeldock/db/{k}.py": v for k, v in modules.items()})

    assert len(find_cycle(core)) == len(modules) + 1


def test_an_import_for_types_or_at_call_time_closes_no_circle(plant):
    late = "if TYPE_CHECKING:\n    import labeldock.db.b\ndef f():\n    from . import b"
    core, _ = plant(
        {
            "labeldock/db/a.py": late,
            "labeldock/db/b.py": "import labeldock.db.a",
        }
    )

    assert find_cycle(core) == []

"""Real wheels in a fresh environment beside `labeldock` alone: found, used, gone."""

from __future__ import annotations

import subprocess

import pytest

from tests.architecture.sources import ROOT
from tests.discovery.environments import Environment, run, run_uv
from tests.discovery.packages import BROKEN, write_package

# What belongs to the application or to one provider, and not to the base.
FOREIGN = {"starlette", "sqlalchemy", "sqlmodel", "dramatiq", "typer", "boto3"}

USE = """
from labeldock.contract import ListQuery, Purpose
from labeldock.host import build_storage_ref, load_catalog, validate_options

bound = load_catalog().provider("shelf")
options = validate_options(bound, Purpose.IMPORT, {"room": "attic"}, stored=False)
ref = build_storage_ref(
    bound, id=1, purpose=Purpose.IMPORT, options=options, key=b"key"
)
page = bound.list_objects(ref, ListQuery())
print(options.base_uri(), *(found.key for found in page.objects))
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """One wheel of the base and four of providers, by distribution."""
    sources, built = (tmp_path_factory.mktemp(name) for name in ("sources", "wheels"))
    roots = [
        ROOT / "core",
        write_package(sources, "shelf"),
        write_package(sources, "crate"),
        write_package(sources, "shelf", distribution="another-shelf"),
        write_package(sources, "broken", plugin=BROKEN),
    ]
    for root in roots:
        run_uv("build", "--wheel", "--out-dir", str(built), str(root))
    return {path.name.partition("-")[0]: path for path in built.glob("*.whl")}


@pytest.fixture
def environment(tmp_path, wheels):
    """`labeldock` alone with two providers."""
    made = Environment(tmp_path / "venv")
    made.install(
        *(wheels[n] for n in ("labeldock", "labeldock_shelf", "labeldock_crate"))
    )
    return made


def test_two_wheels_are_found_listed_and_used_and_one_is_gone_again(environment):
    plugins = environment.list_plugins()
    used = environment.run_python(USE)
    environment.uninstall("labeldock-shelf")

    assert plugins["shelf", "labeldock-shelf"] == {
        "name": "shelf",
        "group": "labeldock.providers",
        "distribution": "labeldock-shelf",
        "version": "1.2",
        "status": "loaded",
        "reason": None,
    }
    assert plugins["crate", "labeldock-crate"]["status"] == "loaded"
    assert used.split() == ["shelf://attic/", "attic/of-shelf.txt"]
    assert set(environment.list_plugins()) == {("crate", "labeldock-crate")}


def test_a_provider_needs_nothing_of_the_application(environment):
    installed = environment.list_installed()

    assert {"labeldock", "labeldock-shelf", "labeldock-crate"} <= installed
    assert not installed & FOREIGN


def test_two_wheels_of_one_name_are_both_refused(environment, wheels):
    environment.install(wheels["another_shelf"])

    plugins = environment.list_plugins()

    assert plugins["shelf", "labeldock-shelf"]["status"] == "clashing"
    assert plugins["shelf", "another-shelf"]["status"] == "clashing"
    assert plugins["crate", "labeldock-crate"]["status"] == "loaded"


def test_a_broken_wheel_says_why_and_stops_no_other(environment, wheels):
    environment.install(wheels["labeldock_broken"])

    plugins = environment.list_plugins()

    broken = plugins["broken", "labeldock-broken"]
    assert broken["status"] == "failed"
    assert "No module named 'sdk_that_is_not_there'" in broken["reason"]
    assert plugins["shelf", "labeldock-shelf"]["status"] == "loaded"
    assert plugins["crate", "labeldock-crate"]["status"] == "loaded"


def test_the_base_alone_lists_nothing_and_says_what_to_install(tmp_path, wheels):
    base = Environment(tmp_path / "venv")
    base.install(wheels["labeldock"])

    assert base.list_plugins() == {}
    command = str(base.root / "bin" / "labeldock")
    assert "pip install labeldock-local" in run(command, "plugins")
    assert 'pip install "labeldock[app]"' in refuse(command, "serve")


def refuse(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    return done.stderr

"""A package from the template, filled in, built and installed, passes the kit."""

from __future__ import annotations

import inspect
import re
import subprocess

import pytest

from labeldock.testing import memory, memory_bucket, memory_rig
from labeldock.testing.memory import MemoryOptions
from tests.architecture.sources import ROOT
from tests.discovery.environments import CONSTRAINTS, Environment, run, run_uv


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The base with its kit, from a wheel, and nothing of this checkout."""
    wheels = tmp_path_factory.mktemp("wheels")
    run_uv("build", "--wheel", "--out-dir", str(wheels), str(ROOT / "core"))
    made = Environment(tmp_path_factory.mktemp("venv") / "venv")
    (wheel,) = wheels.glob("*.whl")
    made.install(f"labeldock[testing] @ {wheel.as_uri()}")
    return made


@pytest.fixture
def package(environment, tmp_path):
    """A new package, made by the command of the installed wheel."""
    command = str(environment.root / "bin" / "labeldock")
    told = run(command, "new-provider", "shelf", "--into", str(tmp_path))
    folder = tmp_path / "labeldock-shelf"
    assert f"Made {folder}." in told
    return folder


def test_a_filled_in_package_passes_the_kit(environment, package):
    fill_in(package)
    install(environment, package)

    done = conform(environment, package)

    assert done.returncode == 0, done.stdout
    assert re.search(r"^L1 +pass ", done.stdout, re.MULTILINE)
    assert "FAIL" not in done.stdout
    plugins = environment.list_plugins()
    assert plugins["shelf", "labeldock-shelf"]["status"] == "loaded"


def test_a_package_that_is_not_filled_in_is_found_and_fails(environment, package):
    install(environment, package)

    done = conform(environment, package, "-k", "test_e8_ or test_l1_")

    assert environment.list_plugins()["shelf", "labeldock-shelf"]["status"] == "loaded"
    assert "1 passed" in done.stdout
    assert "NotImplementedError: still to be written" in done.stdout


@pytest.mark.parametrize(
    ("name", "reason"),
    [("shelf", "is there already; remove it"), ("Shelf", "is of a-z")],
)
def test_the_command_of_the_base_says_why_it_refuses(
    environment, package, name, reason
):
    command = str(environment.root / "bin" / "labeldock")

    done = subprocess.run(
        [command, "new-provider", name, "--into", str(package.parent)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert reason in done.stderr


def fill_in(package):
    """Write the reference provider into the package, under the package's names."""
    source = package / "src" / "labeldock_shelf"
    options = source / "options.py"
    template = options.read_text().partition("class ShelfOptions")[0]
    options.write_text(template + adapt(inspect.getsource(MemoryOptions)))
    plugin = inspect.getsource(memory).replace(inspect.getsource(MemoryOptions), "")
    (source / "plugin.py").write_text(
        adapt(plugin).replace(
            "from labeldock_shelf.bucket",
            "from labeldock_shelf.options import ShelfOptions\n"
            "from labeldock_shelf.bucket",
        )
        + "\n\nprovider = ShelfProvider()\n"
    )
    (source / "bucket.py").write_text(inspect.getsource(memory_bucket))
    (package / "tests" / "rig.py").write_text(adapt(inspect.getsource(memory_rig)))


def adapt(text):
    """The names of the package in place of the reference's."""
    for old, new in (
        ("labeldock.testing.memory_bucket", "labeldock_shelf.bucket"),
        ("labeldock.testing.memory", "labeldock_shelf.plugin"),
        ("Memory", "Shelf"),
        ('"memory"', '"shelf"'),
        ("memory://", "shelf://"),
    ):
        text = text.replace(old, new)
    return text


def install(environment, package):
    """Build the wheel and install that."""
    wheels = package.parent / "wheels"
    run_uv("build", "--wheel", "--out-dir", str(wheels), str(package))
    (wheel,) = wheels.glob("*.whl")
    python = str(environment.python)
    options = ("--python", python, "-c", CONSTRAINTS, "--reinstall-package")
    run_uv("pip", "install", *options, "labeldock-shelf", str(wheel))


def conform(environment, package, *arguments):
    """Run the tests of the package in the environment."""
    return subprocess.run(
        [str(environment.python), "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

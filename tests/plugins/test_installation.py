"""Whoever uses one provider installs that provider's SDK and no other."""

from __future__ import annotations

import pytest

from tests.architecture.sources import ROOT
from tests.discovery.test_wheels import Environment, run_uv

# What comes with the SDK of each, by the beginning of its distribution's name.
SDKS = {
    "s3": ("boto3", "botocore", "s3transfer"),
    "azure": ("azure-", "msal"),
    "gcs": ("google-",),
    "local": (),
}
APPLICATION = {"starlette", "sqlalchemy", "sqlmodel", "dramatiq", "typer", "uvicorn"}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """The wheel of a member of the workspace."""
    folder = tmp_path_factory.mktemp("wheels")

    def build(member):
        name = "labeldock" if member == "core" else f"labeldock_{member.split('/')[1]}"
        if not list(folder.glob(f"{name}-*.whl")):
            run_uv("build", "--wheel", "--out-dir", str(folder), str(ROOT / member))
        (wheel,) = folder.glob(f"{name}-*.whl")
        return wheel

    return build


@pytest.mark.parametrize("name", sorted(SDKS))
def test_a_provider_brings_its_own_sdk_and_no_other(tmp_path, build, name):
    made = Environment(tmp_path / "venv")
    made.install(build("core"), build(f"plugins/{name}"))

    installed = made.list_installed()
    own = [each for each in installed if each.startswith(SDKS[name])]
    foreign = {
        each
        for other, prefixes in SDKS.items()
        if other != name
        for each in installed
        if each.startswith(prefixes)
    }
    assert foreign == set()
    assert bool(own) == bool(SDKS[name])
    assert not installed & APPLICATION
    assert made.list_plugins()[name, f"labeldock-{name}"]["status"] == "loaded"

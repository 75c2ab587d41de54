"""The template of a provider package: rendered, named, and refused when it must be."""

from __future__ import annotations

import ast
import tomllib

import pytest

from labeldock.contract import Conflict, InvalidInput
from labeldock.testing.scaffold import (
    create_member,
    create_package,
    render_next_steps,
)


def list_files(folder):
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    }


def test_a_package_has_all_that_it_needs(tmp_path):
    folder = create_package("web-dav", tmp_path)

    assert folder == tmp_path / "labeldock-web-dav"
    assert list_files(folder) == {
        "README.md",
        "pyproject.toml",
        "src/labeldock_web_dav/__init__.py",
        "src/labeldock_web_dav/options.py",
        "src/labeldock_web_dav/plugin.py",
        "src/labeldock_web_dav/py.typed",
        "tests/rig.py",
        "tests/test_conformance.py",
    }
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "labeldock-web-dav"
    assert project["entry-points"]["labeldock.providers"] == {
        "web-dav": "labeldock_web_dav.plugin:provider"
    }


def test_its_modules_are_python_with_nothing_left_to_fill_in(tmp_path):
    folder = create_package("shelf", tmp_path)

    texts = [path.read_text() for path in folder.rglob("*.py")]

    assert len(texts) == 5
    assert all(ast.parse(text) for text in texts)
    assert not [text for text in texts if "$" in text]


def test_a_member_of_the_workspace_lies_where_its_like_do(tmp_path):
    folder = create_member("web-dav", tmp_path)

    assert folder == tmp_path / "plugins/web-dav"
    suite = (tmp_path / "tests/plugins/web_dav/test_conformance.py").read_text()
    assert "from tests.plugins.web_dav.rig import WebDavRig" in suite
    assert not (folder / "tests").exists()


@pytest.mark.parametrize(
    ("is_member", "command"), [(True, "./dev conform"), (False, "pip install -e")]
)
def test_the_next_steps_are_told(tmp_path, is_member, command):
    folder = create_package("shelf", tmp_path)

    assert command in render_next_steps(folder, is_member=is_member)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "a letter first"),
        ("WebDAV", "is of a-z"),
        ("../shelf", "is of a-z"),
        ("1shelf", "a letter first"),
        ("export", "'export' is reserved"),
        ("labeldock-shelf", "made from the provider's"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path, name, reason):
    with pytest.raises(InvalidInput, match=reason) as caught:
        create_package(name, tmp_path)

    assert caught.value.remedy
    assert not list(tmp_path.iterdir())


def test_what_is_there_already_is_left_alone(tmp_path):
    folder = create_package("shelf", tmp_path)
    (folder / "README.md").write_text("mine")

    with pytest.raises(Conflict, match="is there already"):
        create_package("shelf", tmp_path)

    assert (folder / "README.md").read_text() == "mine"

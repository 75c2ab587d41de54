"""The repository speaks of the project alone, and holds no address of a registry."""

from __future__ import annotations

import pytest

from tests.architecture.sources import ROOT, list_files

# Each in two parts, so that this file does not hold what it forbids.
FORBIDDEN = tuple(
    (first + second).encode()
    for first, second in (
        # registries and mirrors: which one is used is up to the machine
        ("pypi", ".org"),
        ("python", "hosted"),
        ("npm", "js."),
        ("yarn", "pkg.com"),
        ("deb.", "debian.org"),
        ("security.", "debian.org"),
        ("archive.", "ubuntu.com"),
        ("index", "-url"),
        ("pip_", "index"),
        ("uv_", "index"),
        ("find", "-links"),
        ("registry=", "http"),
        # paths of one machine
        ("/wo", "rk/"),
        ("/roo", "t/"),
        ("/opt/py", "pi"),
        ("../sha", "red"),
    )
)


def find_forbidden(content):
    """The forbidden words that some bytes hold."""
    lower = content.lower()
    return [word.decode() for word in FORBIDDEN if word in lower]


def test_no_file_names_a_registry_or_a_path_of_one_machine():
    found = {
        str(path.relative_to(ROOT)): words
        for path in list_files()
        if (words := find_forbidden(path.read_bytes()))
    }

    assert found == {}


def test_the_files_were_found():
    names = {str(path.relative_to(ROOT)) for path in list_files()}

    assert {"dev", ".ci/run", "pyproject.toml", "LICENSE"} <= names
    assert not [name for name in names if name.startswith((".venv", ".git/"))]


def test_a_folder_without_git_is_walked(tmp_path):
    for name in ("a.py", ".ci/run", ".venv/b.py", "core/dist/c", "core/d.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    names = {str(path.relative_to(tmp_path)) for path in list_files(tmp_path)}

    assert names == {"a.py", ".ci/run", "core/d.py"}


@pytest.mark.parametrize("word", FORBIDDEN)
def test_a_forbidden_word_is_found(word):
    assert find_forbidden(b"see " + word.upper() + b" for more")


def test_no_lock_file_with_addresses_is_kept():
    assert not [path for path in list_files() if path.name == "uv.lock"]


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text()

    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text

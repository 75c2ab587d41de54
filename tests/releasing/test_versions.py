"""One version for all distributions, and pins between them that fit it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.releasing.failures import ReleaseFailed
from tests.releasing.versions import (
    SOURCE,
    find_disagreements,
    list_distributions,
    parse_version,
    set_version,
)

NAMES = ["labeldock", "labeldock-azure", "labeldock-gcs", "labeldock-local"]


@pytest.fixture
def tree(tmp_path):
    """The files that hold a version, copied."""
    for each in list_distributions(ROOT):
        target = tmp_path / each.folder.relative_to(ROOT)
        target.mkdir(parents=True)
        shutil.copy(each.folder / "pyproject.toml", target)
    (tmp_path / SOURCE).parent.mkdir(parents=True)
    shutil.copy(ROOT / SOURCE, tmp_path / SOURCE)
    return tmp_path


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


def test_the_distributions_of_this_tree_fit_together():
    assert find_disagreements(ROOT) == []
    assert [each.name for each in list_distributions(ROOT)][:4] == NAMES


def test_every_distribution_has_the_licence():
    licence = (ROOT / "LICENSE").read_bytes()

    copies = [each.folder / "LICENSE" for each in list_distributions(ROOT)]

    # What lacks one: cp LICENSE plugins/NAME
    assert [p for p in copies if not p.exists() or p.read_bytes() != licence] == []


@pytest.mark.parametrize(
    ("version", "pin"),
    [("0.7.0", ">=0.7.0,<1"), ("2.0.1", ">=2.0.1,<3"), ("1.0.0rc1", ">=1.0.0rc1,<2")],
)
def test_a_version_is_written_everywhere_and_pins_follow(tree, version, pin):
    set_version(tree, version)

    found = list_distributions(tree)
    assert {each.version for each in found} == {version}
    assert f'__version__ = "{version}"' in (tree / SOURCE).read_text()
    for each in found[1:]:
        assert f"labeldock{pin}" in each.project["dependencies"]
    assert find_disagreements(tree) == []


def test_nothing_but_versions_and_pins_is_changed(tree):
    before = (tree / "plugins/s3/pyproject.toml").read_text()

    set_version(tree, "0.7.0")

    after = (tree / "plugins/s3/pyproject.toml").read_text()
    changed = set(after.splitlines()) - set(before.splitlines())
    assert {line.strip() for line in changed} == {
        'version = "0.7.0"',
        '"labeldock>=0.7.0,<1",',
    }


def test_what_does_not_fit_together_is_named(tree):
    version = list_distributions(tree)[0].version
    edit(tree / "plugins/s3/pyproject.toml", f'"{version}"', '"9.9.9"')
    edit(tree / "plugins/gcs/pyproject.toml", '"labeldock>=0.1,<1"', '"labeldock<0.1"')
    edit(tree / "plugins/azure/pyproject.toml", '"labeldock>=0.1,<1",', "")
    edit(tree / SOURCE, version, "0.0.7")

    assert find_disagreements(tree) == [
        f"{problem}, labeldock has {version}"
        for problem in (
            f"{SOURCE} has 0.0.7",
            "labeldock-s3 has 9.9.9",
            "labeldock-azure does not depend on the base",
            "labeldock-gcs asks for labeldock<0.1",
        )
    ]


def test_a_file_without_a_place_for_the_version_stops_it(tree):
    (tree / SOURCE).write_text("")

    with pytest.raises(ReleaseFailed, match="has 0 places for"):
        set_version(tree, "0.7.0")


@pytest.mark.parametrize("text", ["1", "1.2", "v1.2.3", "1.2.3-rc1", "x", "1.2.3+a"])
def test_a_version_has_one_spelling(text):
    with pytest.raises(ReleaseFailed, match=r"0\.2\.0"):
        parse_version(text)

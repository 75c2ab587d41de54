"""A whole release of a copy of this tree: tried, made, and refused."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.architecture.sources import ROOT, list_files
from tests.releasing import building, steps, tree, versions
from tests.releasing.__main__ import main
from tests.releasing.changelog import list_releases
from tests.releasing.failures import ReleaseFailed
from tests.releasing.steps import Release

AUTHOR = {
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.org",
}
NEXT = "0.1.0"


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def _author(monkeypatch):
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def small(tmp_path, _author):
    """A repository with a changelog, a file and a commit."""
    root = tmp_path / "small"
    root.mkdir()
    (root / "CHANGELOG.md").write_text("# C\n\n## Unreleased\n\n### Added\n\n- It.\n")
    (root / ".gitignore").write_text("left/\n")
    commit_all(root)
    return root


@pytest.fixture
def checkout(tmp_path, _author):
    """This tree as it is now, committed or not, in a repository of its own."""
    root = tmp_path / "checkout"
    for path in list_files():
        target = root / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        target.chmod(path.stat().st_mode)
    commit_all(root)
    return root


def commit_all(root):
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "As it is")


def build_release(root, tmp_path, version="0.2.0"):
    return Release(root, tmp_path / "work", tmp_path / "out", version)


def test_a_clean_tree_and_a_new_version_are_ready(small, tmp_path):
    steps.require_readiness(build_release(small, tmp_path))


def test_a_tree_that_is_not_clean_is_refused_by_name(small, tmp_path):
    (small / "more.txt").write_text("not committed")

    with pytest.raises(ReleaseFailed, match=r"not clean \(more\.txt\)"):
        steps.require_readiness(build_release(small, tmp_path))


def test_a_version_is_released_once_and_upwards(small, tmp_path):
    git(small, "tag", "v0.2.0")
    with pytest.raises(ReleaseFailed, match=r"the tag v0\.2\.0 is there already"):
        steps.require_readiness(build_release(small, tmp_path))
    text = (small / "CHANGELOG.md").read_text()
    (small / "CHANGELOG.md").write_text(f"{text}\n## 0.3.0 - 2026-01-31\n")
    git(small, "commit", "--quiet", "--all", "-m", "More")

    with pytest.raises(ReleaseFailed, match=r"0\.2\.1 is not newer than 0\.3\.0"):
        steps.require_readiness(build_release(small, tmp_path, "0.2.1"))


def test_what_was_prepared_is_taken_over_committed_and_tagged(small, tmp_path):
    release = build_release(small, tmp_path)
    (small / "left").mkdir()
    (small / "left" / "over").write_text("ignored")
    tree.copy_tree(small, release.tree)
    (release.tree / "CHANGELOG.md").write_text("# C\n")
    (release.tree / "new").mkdir()
    (release.tree / "new" / "file").write_text("x")

    steps.finish(release)

    assert not (release.tree / "left").exists()
    assert (small / "CHANGELOG.md").read_text() == "# C\n"
    assert git(small, "tag", "--list").split() == ["v0.2.0"]
    assert git(small, "log", "-1", "--format=%s").strip() == "Release 0.2.0"
    assert git(small, "status", "--porcelain") == ""
    shown = git(small, "show", "--format=", "--name-only", "v0.2.0^{}").split()
    assert shown == ["CHANGELOG.md", "new/file"]


def test_archives_of_somebody_else_are_not_removed(tmp_path):
    (tmp_path / "labeldock-0.1.0.tar.gz").touch()
    (tmp_path / "thesis.pdf").touch()

    with pytest.raises(ReleaseFailed, match=r"thesis\.pdf is in the way"):
        steps._empty(tmp_path)

    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "thesis.pdf").unlink()
    steps._empty(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.full
def test_two_builds_are_the_same_to_the_byte(checkout, tmp_path):
    pytest.importorskip("hatchling", reason="installed by ./dev test --full")
    elsewhere = tmp_path / "somewhere else"
    tree.copy_tree(checkout, elsewhere)
    built = []
    for number, root in enumerate((checkout, elsewhere)):
        out = tmp_path / f"out-{number}"
        for each in versions.list_distributions(root):
            building.build(each, out, 1_700_000_000)
        built.append({path.name: path.read_bytes() for path in out.iterdir()})

    assert len(built[0]) == 2 * len(versions.list_distributions(ROOT))
    assert built[0] == built[1]


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_release_is_tried_and_then_made(checkout, tmp_path, capsys):
    pytest.importorskip("hatchling", reason="installed by ./dev test --full")
    before, out = git(checkout, "rev-parse", "HEAD"), tmp_path / "out"
    words = [NEXT, "--skip-audit", "--root", str(checkout), "--out", str(out)]

    assert main([*words, "--check"]) == 0, capsys.readouterr().err
    assert git(checkout, "rev-parse", "HEAD") == before
    assert git(checkout, "status", "--porcelain") == git(checkout, "tag") == ""
    assert main(words) == 0, capsys.readouterr().err

    said = capsys.readouterr()
    assert f"git push origin HEAD v{NEXT}" in said.out
    assert f"twine upload {out}/labeldock_s3-*" in said.out
    assert "NOT audited, as asked" in said.err
    assert git(checkout, "tag").split() == [f"v{NEXT}"]
    text = (checkout / "CHANGELOG.md").read_text()
    assert list_releases(text)[0][0] == NEXT
    assert (checkout / "tests/upgrades/released" / NEXT / "sqlite.sql").exists()
    listed = json.loads((out / f"labeldock-{NEXT}.cdx.json").read_text())
    names = {component["name"] for component in listed["components"]}
    assert {"labeldock-s3", "boto3", "starlette"} <= names
    assert "pytest" not in names
    assert str(tmp_path) not in json.dumps(listed)
    assert main([*words, "--check"]) == 1
    assert "is there already" in capsys.readouterr().err

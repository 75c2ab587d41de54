"""The checkout: whether it is clean, a copy to prepare a release in, the way back."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.releasing.failures import ReleaseFailed, run


def require_clean(root: Path) -> None:
    """Nothing may be changed that is not committed.

    Raises:
        ReleaseFailed: something is; names it.
    """
    changed = run("git", "status", "--porcelain", cwd=root).splitlines()
    if changed:
        names = ", ".join(line[3:] for line in changed[:5])
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise ReleaseFailed(
            f"the tree is not clean ({names}{more}); commit or remove it"
        )


def require_new_tag(root: Path, tag: str) -> None:
    """The tag may not be there yet.

    Raises:
        ReleaseFailed: it is.
    """
    if run("git", "tag", "--list", tag, cwd=root).strip():
        raise ReleaseFailed(f"the tag {tag} is there already; choose another version")


def list_tracked(root: Path) -> list[Path]:
    """The files of the commit, relative to the root."""
    listing = run("git", "ls-files", "-z", cwd=root)
    return [Path(name) for name in listing.split("\0") if name]


def copy_tree(root: Path, target: Path) -> None:
    """Copy what belongs to the commit, and nothing else that lies around."""
    for name in list_tracked(root):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target / name, follow_symlinks=False)


def take_over(prepared: Path, root: Path) -> list[Path]:
    """Write what differs in the prepared copy into the checkout; names of files."""
    names = [path.relative_to(prepared) for path in sorted(prepared.rglob("*"))]
    changed = [name for name in names if _differs(prepared / name, root / name)]
    for name in changed:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(prepared / name, root / name)
    return changed


def _differs(one: Path, other: Path) -> bool:
    if not one.is_file() or "__pycache__" in one.parts:
        return False
    return not other.exists() or one.read_bytes() != other.read_bytes()


def commit_and_tag(root: Path, names: list[Path], version: str) -> None:
    """Commit these files, and tag the commit; nothing is pushed."""
    run("git", "add", "--", *names, cwd=root)
    run("git", "commit", "--quiet", "-m", f"Release {version}", cwd=root)
    run("git", "tag", "-a", f"v{version}", "-m", f"Labeldock {version}", cwd=root)

"""The steps of a release, in their order; see `./dev release`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from tests.releasing import (
    audit,
    building,
    changelog,
    contents,
    inventory,
    smoke,
    tree,
    versions,
)
from tests.releasing.environments import Environment
from tests.releasing.failures import ReleaseFailed, say
from tests.releasing.versions import Distribution, list_distributions
from tests.upgrades.freezing import freeze_schema

LEAVINGS = ("labeldock", "NOTES.md")


@dataclass
class Release:
    """A release that is being prepared.

    Attributes:
        root: the checkout.
        work: a folder for what is gone afterwards.
        out: where the archives are left.
        version: of all distributions.
    """

    root: Path
    work: Path
    out: Path
    version: str
    wheels: dict[str, Path] = field(default_factory=dict)
    sources: list[Path] = field(default_factory=list)

    @property
    def tree(self) -> Path:
        """The copy of the checkout that the release is prepared in."""
        return self.work / "tree"

    @property
    def files(self) -> list[Path]:
        """Every archive, the base's first."""
        return [*self.sources, *self.wheels.values()]

    def list_distributions(self) -> list[Distribution]:
        """Those of the copy, the base first."""
        return list_distributions(self.tree)


def require_readiness(release: Release) -> None:
    """Look whether a release may be made of this checkout at all.

    Raises:
        ReleaseFailed: it may not; says what to do.
    """
    tree.require_clean(release.root)
    tree.require_new_tag(release.root, f"v{release.version}")
    text = (release.root / "CHANGELOG.md").read_text("utf-8")
    earlier = [versions.parse_version(v) for v, _ in changelog.list_releases(text)]
    if earlier and versions.parse_version(release.version) <= max(earlier):
        raise ReleaseFailed(
            f"{release.version} is not newer than {max(earlier)}, the last release"
        )
    say(f"the tree is clean, and {release.version} is new")


def prepare(release: Release, today: date | None = None) -> None:
    """Write version, pins, changelog and the schema as released, into a copy."""
    tree.copy_tree(release.root, release.tree)
    versions.set_version(release.tree, release.version)
    path = release.tree / "CHANGELOG.md"
    day = today or datetime.now(UTC).date()
    text = changelog.move_unreleased(path.read_text("utf-8"), release.version, day)
    path.write_text(text, "utf-8")
    frozen = freeze_schema(release.tree, release.version, day)
    say(f"wrote the version, the changelog and {frozen.relative_to(release.tree)}")


def build(release: Release) -> None:
    """Build the archives of every distribution, into an empty folder.

    Raises:
        ReleaseFailed: a build fails, or archives lack or hold something.
    """
    _empty(release.out)
    text = (release.tree / "CHANGELOG.md").read_text("utf-8")
    epoch = changelog.find_epoch(text, release.version)
    wrong = []
    for each in release.list_distributions():
        sources, wheel = building.build(each, release.out, epoch)
        release.sources.append(sources)
        release.wheels[each.name] = wheel
        tracked = _list_sources(release, each)
        wrong += contents.check_wheel(wheel, each, tracked)
        wrong += contents.check_sources(sources, each, tracked)
    if wrong:
        raise ReleaseFailed("the archives are not right:\n  " + "\n  ".join(wrong))
    building.check_rendering(release.files)
    notes = changelog.read_notes(text, release.version)
    (release.out / "NOTES.md").write_text(notes, "utf-8")
    say(f"built {len(release.files)} archives, and looked into each")


def _empty(folder: Path) -> None:
    """Remove what an earlier release has left, and nothing that somebody else put."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        if not path.is_file() or not path.name.startswith(LEAVINGS):
            raise ReleaseFailed(f"{path} is in the way; give another folder with --out")
    for path in folder.iterdir():
        path.unlink()


def _list_sources(release: Release, distribution: Distribution) -> set[str]:
    """The files of a distribution's package as the commit has them."""
    below = distribution.folder.relative_to(release.tree) / "src"
    tracked = tree.list_tracked(release.root)
    return {
        str(name.relative_to(below)) for name in tracked if name.is_relative_to(below)
    }


def try_out(release: Release) -> Environment:
    """Install each wheel alone and all together, and use them; the last environment.

    Raises:
        ReleaseFailed: something does not work.
    """
    base, *providers = release.list_distributions()
    constraints = release.tree / "constraints.txt"
    alone = Environment(release.work / "base", constraints)
    alone.install(release.wheels[base.name])
    smoke.try_base(alone, base)
    for each in providers:
        made = Environment(release.work / each.name, constraints)
        made.install(release.wheels[base.name], release.wheels[each.name])
        smoke.try_provider(made, each)
    together = Environment(release.work / "together", constraints)
    application = smoke.name_requirement(release.wheels[base.name], "app,parquet")
    together.install(application, *(release.wheels[each.name] for each in providers))
    smoke.try_all(together, [base, *providers])
    alone.install(smoke.name_requirement(release.wheels[base.name], "testing"))
    smoke.try_kit(alone)
    say(f"tried out {len(release.wheels)} wheels, each alone and all together")
    return together


def take_stock(release: Release, made: Environment, *, skips_audit: bool) -> None:
    """List the components, and look at their licences and known weaknesses.

    Raises:
        ReleaseFailed: one of them does not do, or the audit could not be made.
    """
    project = release.tree / "core" / "pyproject.toml"
    out = release.out / f"labeldock-{release.version}.cdx.json"
    found = inventory.write_inventory(made, project, out)
    inventory.require_licences(found)
    say(f"listed {len(found['components'])} components in {out.name}; licences fit")
    if skips_audit:
        say("the dependencies were NOT audited, as asked; do it before uploading")
        return
    say(audit.judge(*audit.ask_service(made.packages)))


def finish(release: Release) -> None:
    """Take the prepared files over into the checkout, commit and tag them.

    Raises:
        ReleaseFailed: somebody has changed the checkout meanwhile.
    """
    tree.require_clean(release.root)
    names = tree.take_over(release.tree, release.root)
    tree.commit_and_tag(release.root, names, release.version)
    say(
        f"committed {len(names)} files and tagged v{release.version}; nothing is pushed"
    )


def describe_upload(release: Release) -> str:
    """What is left to do by hand."""
    names = [f"{each.package}-*" for each in release.list_distributions()]
    folder = release.out
    return "\n".join(
        [
            "To publish it:",
            f"  git push origin HEAD v{release.version}",
            *(f"  twine upload {folder}/{name}" for name in names),
            f"and put {folder}/NOTES.md and the list of components beside the tag.",
        ]
    )

"""Sources of tiny provider packages, as a stranger would write them."""

from __future__ import annotations

from pathlib import Path

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "{version}"
requires-python = ">=3.11"
dependencies = ["labeldock>=0.1,<1"]

[project.entry-points."labeldock.providers"]
{name} = "{package}.plugin:provider"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""

PLUGIN = '''\
"""A provider with one object in it."""

from labeldock import (
    Availability,
    ListQuery,
    NotSupported,
    ObjectInfo,
    ObjectPage,
    ProviderInfo,
    StorageOptions,
    StorageProvider,
    StorageRef,
    ValidationReport,
    hookimpl,
)


class Options(StorageOptions):
    room: str = "hall"

    def base_uri(self) -> str:
        return f"{name}://{{self.room}}/"


class Provider:
    @hookimpl
    def describe(self):
        return ProviderInfo(
            name="{name}",
            title="{name}".title(),
            schemes=("{name}",),
            import_options=Options,
            export_options=Options,
        )

    @hookimpl
    def validate(self, storage, request):
        return ValidationReport(Availability.AVAILABLE)

    @hookimpl
    def list_objects(self, storage: StorageRef, query: ListQuery) -> ObjectPage:
        room = storage.options_as(Options).room
        return ObjectPage((ObjectInfo(f"{{room}}/of-{name}.txt", 1, "etag"),))

    @hookimpl
    def get_data(self, storage, request):
        raise NotSupported("not in this example")

    @hookimpl
    def presign(self, storage, request):
        raise NotSupported("not in this example")

    @hookimpl
    def save_annotation(self, storage, request):
        raise NotSupported("not in this example")

    @hookimpl
    def delete_annotation(self, storage, request):
        raise NotSupported("not in this example")


provider: StorageProvider = Provider()
'''

BROKEN = "import sdk_that_is_not_there\n"


def write_package(
    folder: Path, name: str, *, distribution: str = "", plugin: str = PLUGIN
) -> Path:
    """Write the sources of `labeldock-NAME`, or of another distribution."""
    distribution = distribution or f"labeldock-{name}"
    package = distribution.replace("-", "_")
    fields = {"name": name, "distribution": distribution, "package": package}
    root = folder / distribution
    (root / package).mkdir(parents=True)
    project = PYPROJECT.format(version="1.2", **fields)
    (root / "pyproject.toml").write_text(project, encoding="utf-8")
    (root / package / "__init__.py").touch()
    source = plugin.format(**fields)
    (root / package / "plugin.py").write_text(source, encoding="utf-8")
    return root

"""Finding providers, and telling observers."""

from __future__ import annotations

import dataclasses
import logging
import subprocess
import sys

import pytest

from labeldock.contract import RunFinished, UnknownProvider, hookimpl
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.plugins import build_catalog

EVENT = RunFinished(1, 2, 3, "import", "completed", {"tasks": 4})
SECRET = "planted-secret"


class Named(MemoryProvider):
    def __init__(self, **changes):
        super().__init__()
        self._changes = changes

    @hookimpl
    def describe(self):
        return dataclasses.replace(super().describe(), **self._changes)


LOCAL = Named(
    name="local", api_type="localfiles", aliases=("files",), schemes=("file",)
)
S3 = Named(name="s3", schemes=("s3", "s3a"))
MINIO = Named(name="minio", schemes=("s3",))


@pytest.fixture
def catalog():
    return build_catalog(S3, LOCAL, MINIO)


@pytest.mark.parametrize("name", ["local", "localfiles", "files"])
def test_a_provider_is_found_by_every_name(catalog, name):
    assert catalog.provider(name).info.name == "local"


def test_providers_are_sorted_by_name(catalog):
    assert [p.info.name for p in catalog.providers] == ["local", "minio", "s3"]


def test_entries_are_sorted_with_providers_first():
    class Watcher:
        @hookimpl
        def after_run_finished(self):
            """Watch."""

    catalog = build_catalog(S3, LOCAL, plugins={"audit": Watcher()})

    assert [e.name for e in catalog.entries] == ["local", "s3", "audit"]


@pytest.mark.parametrize(
    ("scheme", "names"), [("s3", ["minio", "s3"]), ("S3A", ["s3"]), ("gs", [])]
)
def test_providers_are_found_by_scheme(catalog, scheme, names):
    assert [p.info.name for p in catalog.by_scheme(scheme)] == names


@pytest.mark.parametrize("name", ["gcs", "floppy", "", "; rm -rf /", "a\n"])
def test_an_unknown_provider_says_what_there_is_and_where_to_look(catalog, name):
    with pytest.raises(UnknownProvider, match="there is no provider") as caught:
        catalog.provider(name)

    assert f"no provider {name!r}; available: local, minio, s3" in str(caught.value)
    assert "`labeldock plugins`" in caught.value.remedy
    assert caught.value.field == "type"


def test_a_remedy_never_repeats_a_name_that_somebody_typed(catalog):
    # Whoever publishes a package under a likely name would be installed.
    for name in ("floppy", "A" * 1000):
        with pytest.raises(UnknownProvider) as caught:
            catalog.provider(name)
        assert name not in caught.value.remedy
        assert "pip install" not in caught.value.remedy
        assert len(str(caught.value)) < 150


def test_observers_are_told_one_by_one_whatever_others_raise(caplog):
    class Watcher:
        def __init__(self):
            self.seen = []

        @hookimpl
        def after_run_finished(self, event):
            self.seen.append(event)

    class Counter:
        count = 0

        @hookimpl
        def after_run_finished(self):
            self.count += 1

    class Faulty:
        @hookimpl
        def after_run_finished(self, event):
            raise ValueError(SECRET)

    first, counter, last = Watcher(), Counter(), Watcher()
    plugins = {"first": first, "faulty": Faulty(), "counter": counter, "last": last}
    catalog = build_catalog(LOCAL, plugins=plugins)

    with caplog.at_level(logging.ERROR):
        catalog.notify("after_run_finished", EVENT)

    assert (first.seen, counter.count, last.seen) == ([EVENT], 1, [EVENT])
    assert f"plugin:faulty failed in after_run_finished: ValueError in {__name__}" in (
        caplog.text
    )
    assert SECRET not in caplog.text


def test_an_event_that_nobody_watches_is_nothing(catalog):
    assert catalog.notify("after_run_finished", EVENT) is None


def test_importing_the_host_imports_no_plug_in_and_no_more_than_the_base():
    program = (
        "import sys, labeldock.host; print(*{m.split('.')[0] for m in sys.modules})"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    loaded = set(done.stdout.split())
    assert not loaded & {"labeldock_local", "structlog", "typer", "orjson", "sqlmodel"}

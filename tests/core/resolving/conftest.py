"""Tasks, and ways to ask for their media."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from labeldock.contract import SignedUrl, Signing, hookimpl
from labeldock.services import tasks
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.plugins import build_catalog


@pytest.fixture
def catalog_without_providers():
    return build_catalog()


@pytest.fixture
def add_task(sqlite_place):
    """Add a task with this data to the project."""

    def add(data, place=sqlite_place):
        return tasks.create_task(place.app, place.owner, place.project, data)

    return add


class SigningProvider(MemoryProvider):
    """A provider in memory that pretends to sign, and counts how often."""

    signing = Signing.LOCAL
    error = None

    def __init__(self):
        super().__init__()
        self.requests = []

    @hookimpl
    def describe(self):
        return dataclasses.replace(
            super().describe(), signing=self.signing, schemes=("memory", "mem")
        )

    @hookimpl
    def presign(self, storage, request):
        self.requests.append(request)
        if self.error:
            raise self.error
        url = f"https://cloud.example/{storage.options.bucket}?n={len(self.requests)}"
        return SignedUrl(url, datetime.now(UTC) + request.ttl)


@pytest.fixture
def provider():
    """In place of the plain provider: one that signs, with one empty bucket."""
    provider = SigningProvider()
    provider.create_bucket("media")
    return provider


class Watch:
    """A clock that tests turn."""

    def __init__(self):
        self.time = datetime.now(UTC)

    def __call__(self):
        return self.time

    def advance(self, **delta):
        self.time += timedelta(**delta)


@pytest.fixture
def watch():
    return Watch()

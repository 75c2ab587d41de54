"""The stories of this folder run once by the ordinary suite, and ten times by chaos."""

from __future__ import annotations

import random

import pytest

from tests.chaos.scene import opened_scene
from tests.chaos.tally import PROPERTY, Tally
from tests.chaos.workers import hired_crew

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in range(1, 11))]


def pytest_collection_modifyitems(items):
    """A story goes on until enough kills have struck, which takes what it takes."""
    for item in items:
        if "chaos" in item.path.parts:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(params=SEEDS, ids="seed{}".format)
def seed(request):
    return request.param


@pytest.fixture
def rng(seed):
    """Where the moments come from: the same ones for the same seed."""
    return random.Random(seed)


@pytest.fixture
def tally(seed, record_property):
    """Counts the kills for the summary."""
    counted = Tally(seed)
    record_property(PROPERTY, counted.row)
    return counted


@pytest.fixture
def scene(tmp_path, database_url):
    with opened_scene(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def crew(scene, tmp_path):
    with hired_crew(scene.values, tmp_path / "workers.log") as hired:
        yield hired

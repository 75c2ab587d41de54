"""The stories of this folder: one seed in the ordinary suite, three more by chaos.

The seeds are in the names of the tests and in the summary. To replay one, or to try
another: LABELDOCK_TEST_SEED=7 ./dev chaos -k storm
"""

from __future__ import annotations

import os
import random
from contextlib import ExitStack

import pytest

from tests.chaos.restarting import restartable_postgres, restartable_redis
from tests.chaos.scene import opened_scene
from tests.chaos.tally import PROPERTY, Tally
from tests.chaos.wire import Wire
from tests.chaos.workers import hired_crew
from tests.servers.moto import reset, run_moto
from tests.servers.starting import start_server

ORDINARY = 0
CHAOTIC = [pytest.param(seed, marks=pytest.mark.chaos) for seed in range(1, 4)]
CHOSEN = os.environ.get("LABELDOCK_TEST_SEED")
if CHOSEN:
    CHAOTIC = [pytest.param(int(CHOSEN), marks=pytest.mark.chaos)]
SEEDS = [ORDINARY, *CHAOTIC]


def pytest_collection_modifyitems(items):
    """A story goes on until enough faults have struck, which takes what it takes."""
    for item in items:
        if "chaos" in item.path.parts:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(params=SEEDS, ids="seed{}".format)
def seed(request):
    return request.param


@pytest.fixture
def is_thorough(seed):
    """Whether there is time for many faults, or just for a share of them."""
    return seed != ORDINARY


@pytest.fixture
def kills(is_thorough):
    """How many have to strike in a story of workers that are killed."""
    return 10 if is_thorough else 2


@pytest.fixture
def rng(seed):
    """Where the moments come from: the same ones for the same seed."""
    return random.Random(seed)


@pytest.fixture
def tally(seed, record_property):
    """Counts the faults for the summary."""
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


@pytest.fixture(scope="session")
def moto_url():
    """A server of buckets; nobody cares who asks it."""
    with ExitStack() as stack:
        yield start_server(stack, run_moto())


@pytest.fixture
def wire(moto_url):
    """What leads to an empty server of buckets."""
    reset(moto_url)
    with Wire(moto_url) as wire:
        yield wire


@pytest.fixture(scope="session")
def own_postgres():
    """A server that may be restarted: no other test stands on it."""
    with ExitStack() as stack:
        yield start_server(stack, restartable_postgres())


@pytest.fixture(scope="session")
def own_redis():
    """The same of Redis."""
    with ExitStack() as stack:
        yield start_server(stack, restartable_redis())

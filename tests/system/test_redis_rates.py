"""Web processes with one Redis count together, and each by itself while it is away."""

from __future__ import annotations

import contextlib

import anyio
import pytest
import redis
from starlette.testclient import TestClient

from labeldock.settings import Settings
from labeldock.web import redis_rates
from labeldock.web.app import create_app
from labeldock.web.redis_rates import Grant, RedisStore, SharedBuckets
from tests.chaos.restarting import restartable_redis
from tests.servers.starting import start_server
from tests.system.conftest import build_app

WHOAMI = "/api/current-user/whoami"
SLOW = 0.001  # tokens per second: none comes while a test runs


@pytest.fixture
def open_store(tmp_path, redis_url):
    """Counts what is asked of Redis."""
    with contextlib.ExitStack() as stack:

        def open_store():
            settings = Settings(
                home=tmp_path, broker_url=redis_url, secret_key="k" * 44
            )
            return stack.enter_context(contextlib.closing(Counted(settings)))

        yield open_store


class Counted(RedisStore):
    """Remembers how often it was asked."""

    asked = 0

    def take(self, *given):
        self.asked += 1
        return super().take(*given)


def count_taken(buckets, name, times):
    """How many of so many attempts at once were granted."""
    granted = []

    async def take():
        if not await buckets.take(name):
            granted.append(1)

    async def take_all():
        async with anyio.create_task_group() as group:
            for _ in range(times):
                group.start_soon(take)

    anyio.run(take_all)
    return len(granted)


def test_processes_never_grant_more_together_than_one_would(open_store):
    processes = [SharedBuckets(open_store(), "caller", SLOW, 50) for _ in range(3)]

    taken = [count_taken(buckets, "token 1", 40) for buckets in processes]

    assert sum(taken) == 50
    assert taken[2] == 0
    assert count_taken(processes[2], "token 2", 40) == 40


def test_a_tenth_of_a_second_is_taken_at_once(open_store):
    store = open_store()
    buckets = SharedBuckets(store, "caller", 1000, 10_000)

    assert count_taken(buckets, "token 1", 1000) == 1000
    assert store.asked == 10


def test_who_is_refused_is_refused_from_memory(open_store):
    store = open_store()
    buckets = SharedBuckets(store, "caller", SLOW, 1)

    assert count_taken(buckets, "token 1", 100) == 1
    assert store.asked == 1
    assert 990 < buckets.find_wait("token 1") <= 1000


def test_a_bucket_fills_by_the_clock_of_redis(open_store):
    store = open_store()
    assert store.take("x", 50.0, 5.0, 5, 0).tokens == 5
    assert store.take("x", SLOW, 5.0, 5, 0).tokens <= 1

    anyio.run(anyio.sleep, 0.05)

    assert store.take("x", 50.0, 5.0, 1, 0).tokens == 1


def test_what_a_process_did_not_spend_is_put_back(open_store):
    store = open_store()

    assert store.take("x", SLOW, 10.0, 8, 0) == Grant(8, 0.0)
    assert store.take("x", SLOW, 10.0, 8, 5).tokens == 7


def test_a_bucket_that_is_full_is_forgotten(open_store, redis_url):
    store = open_store()
    store.take("x", 5.0, 10.0, 10, 0)

    with contextlib.closing(redis.Redis.from_url(redis_url)) as client:
        (key,) = client.keys("labeldock:rate:*")
        assert 2000 < client.pttl(key) <= 3100


def test_each_counts_by_itself_while_redis_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr(redis_rates, "_AWAY_SECONDS", 0.05)
    with contextlib.ExitStack() as stack:
        server = start_server(stack, restartable_redis())
        settings = Settings(home=tmp_path, broker_url=server.url, secret_key="k" * 44)
        store = stack.enter_context(contextlib.closing(RedisStore(settings)))
        buckets = SharedBuckets(store, "caller", SLOW, 5)
        shared = count_taken(buckets, "token 1", 4)
        server.kill()
        apart = count_taken(buckets, "token 1", 10)
        server.start()
        anyio.run(anyio.sleep, 0.06)
        back = count_taken(buckets, "token 1", 10)

    assert (shared, apart, back) == (4, 5, 5)


def test_two_web_processes_refuse_the_same_token(home, catalog, auth, redis_url):
    limits = {"rate_limit": 0.01, "rate_limit_burst": 5, "rate_limit_strangers": 0.1}
    statuses, guesses = [], []
    wrong = {"Authorization": "Token 0123456789"}
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            app = build_app(home, catalog, broker_url=redis_url, **limits)
            stack.enter_context(contextlib.closing(app))
            client = stack.enter_context(TestClient(create_app(app)))
            statuses += [client.get(WHOAMI, headers=auth).status_code for _ in range(4)]
            guesses += [client.get(WHOAMI, headers=wrong) for _ in range(3)]

    assert statuses == [200] * 5 + [429] * 3
    assert [answer.status_code for answer in guesses] == [401, 429, 429] * 2
    assert 5 <= int(guesses[-1].headers["Retry-After"]) <= 10

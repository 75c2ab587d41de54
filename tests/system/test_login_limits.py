"""Passwords cannot be guessed for long."""

from __future__ import annotations

import pytest

from labeldock.web.login_limits import (
    ACCOUNT_FAILURES,
    ADDRESS_FAILURES,
    WINDOW,
    LoginLimits,
)

OWN = {"Origin": "http://testserver"}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limits(clock):
    return LoginLimits(clock)


def test_an_account_is_refused_after_ten_failures_wherever_they_come_from(
    limits, clock
):
    for number in range(ACCOUNT_FAILURES):
        assert limits.take("Me@example.org ", f"10.0.0.{number}") == 0
    clock.now += 100

    assert limits.take("me@example.org", "10.0.1.1") == WINDOW - 100
    assert limits.take("you@example.org", "10.0.1.1") == 0
    clock.now += WINDOW - 100
    assert limits.take("me@example.org", "10.0.1.1") == 0


def test_an_address_is_refused_after_a_hundred_failures_at_any_account(limits):
    for number in range(ADDRESS_FAILURES):
        assert limits.take(f"{number}@example.org", "10.0.0.1") == 0

    assert limits.take("other@example.org", "10.0.0.1") == WINDOW
    assert limits.take("other@example.org", "10.0.0.2") == 0


def test_who_logs_in_is_not_counted(limits):
    for _ in range(3 * ADDRESS_FAILURES):
        assert limits.take("me@example.org", "10.0.0.1") == 0
        limits.give_back("me@example.org", "10.0.0.1")


def test_the_memory_is_bounded(clock):
    limits = LoginLimits(clock, size=10)

    for number in range(1000):
        limits.take(f"{number}@example.org" * 100, f"10.0.{number}.1")

    assert len(limits._counts) == 10


def test_the_form_answers_429_and_when_to_come_back(client, owner):
    def submit(password, email=owner.email):
        form = {"email": email, "password": password}
        return client.post("/user/login/", data=form, headers=OWN)

    guesses = [submit(f"guess {n}").status_code for n in range(ACCOUNT_FAILURES)]
    refused = submit(owner.password)

    assert set(guesses) == {401}
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= WINDOW
    assert "Too many logins failed" in refused.text
    assert "www-authenticate" not in refused.headers
    assert submit("x", "nobody@example.org").status_code == 401

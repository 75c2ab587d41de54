"""Which calls of providers are logged, at which level, and how often."""

from __future__ import annotations

import logging

import pytest
import structlog

from labeldock import telemetry
from labeldock.host.guard import Call
from labeldock.services import provider_calls
from labeldock.services.provider_calls import HUSH_SECONDS, ProviderCalls

CALL = Call("memory", "get_data", 7)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(provider_calls, "time", clock)
    return clock


@pytest.fixture
def level(caplog):
    """Sets the least level that is logged."""
    return lambda level: caplog.set_level(level, provider_calls.__name__)


@pytest.fixture
def lines(level):
    level(logging.INFO)
    with structlog.testing.capture_logs() as lines:
        yield lines


def test_a_call_is_a_line_at_debug_and_none_above(lines, level):
    calls = ProviderCalls()

    calls(CALL, "ok", 0.0123)
    assert lines == []
    level(logging.DEBUG)
    calls(CALL, "ok", 0.0123)

    assert lines == [{
        "event": "provider_called", "log_level": "debug", "provider": "memory",
        "operation": "get_data", "storage_id": 7, "outcome": "ok", "ms": 12.3,
    }]  # fmt: skip


def test_a_failure_is_told_of_once_in_a_while_with_how_many_were_not(lines, clock):
    calls = ProviderCalls()

    with telemetry.correlate("a-run"):
        for _ in range(5000):
            calls(CALL, "access_denied", 0.1)
        clock.now += HUSH_SECONDS
        calls(CALL, "access_denied", 0.1)

    assert [line["event"] for line in lines] == ["provider_call_failed"] * 2
    assert [line.get("hushed") for line in lines] == [None, 4999]
    assert {line["log_level"] for line in lines} == {"warning"}


def test_another_request_storage_operation_or_outcome_is_told_of_by_itself(lines):
    calls = ProviderCalls()

    for name in ("a", "b"):
        with telemetry.correlate(name):
            calls(CALL, "timeout", 0.1)
            calls(CALL, "access_denied", 0.1)
            calls(Call("memory", "presign", 7), "timeout", 0.1)
            calls(Call("memory", "get_data", 8), "timeout", 0.1)

    assert len(lines) == 8


@pytest.mark.parametrize("outcome", sorted(provider_calls.ANSWERS))
def test_an_answer_is_no_failure(lines, outcome):
    with telemetry.correlate("a-run"):
        ProviderCalls()(CALL, outcome, 0.1)

    assert lines == []


def test_at_a_terminal_the_command_itself_says_what_failed(lines):
    ProviderCalls()(CALL, "access_denied", 0.1)

    assert lines == []


def test_what_was_told_of_is_forgotten_in_the_end(lines, monkeypatch):
    monkeypatch.setattr(provider_calls, "_MOST_KNOWN", 10)
    calls = ProviderCalls()

    for number in range(50):
        with telemetry.correlate(f"request-{number}"):
            calls(CALL, "timeout", 0.1)

    assert len(calls._told) == 10

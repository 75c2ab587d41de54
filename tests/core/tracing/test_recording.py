"""What is recorded reaches a collector, and what is off costs and says nothing."""

from __future__ import annotations

import threading
import time

import pytest

from labeldock import telemetry, tracing
from labeldock.contract.errors import ConfigurationError, LabeldockError
from labeldock.settings import Settings
from labeldock.telemetry import CorrelatedPool
from labeldock.tracing import recording
from labeldock.tracing.recording import LEFT_OUT, MOST_CALLS
from tests.servers.otlp import run_collector

CALLER = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
TRACE = CALLER["traceparent"].split("-")[1]


@pytest.fixture
def collector(monkeypatch):
    with run_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector


@pytest.fixture
def record(collector, tmp_path):
    """What the block of a test recorded, by name, once it has ended."""
    tracing.start(Settings(home=tmp_path, traces=True), "a-test")

    def end():
        tracing.stop()
        return {span.name: span for span in collector.spans}

    yield end
    tracing.stop()


def test_while_they_are_off_there_is_one_span_for_all_and_nothing_to_carry(tmp_path):
    tracing.start(Settings(home=tmp_path), "a-test")

    assert not tracing.is_on()
    assert tracing.span("one") is tracing.span("two", {"a": 1}, kind="server")
    with tracing.span("one") as span, tracing.resume(CALLER):
        span.note({"a": 1})
        span.rename("two")
        span.fail("broken")
        assert tracing.inject() == {}
        assert tracing.name_trace(None, "info", {}) == {}
    tracing.stop()


def test_spans_stand_in_one_another_and_below_who_called(record):
    with tracing.span("outer", {"a.b": 1}, kind="server", parent=CALLER) as span:
        span.note({"c": "d"})
        with tracing.span("inner"):
            ids = tracing.name_trace(None, "info", {})
    with tracing.span("alone", parent={}, links=[CALLER]):
        pass

    spans = record()
    assert spans["outer"].trace_id == spans["inner"].trace_id == TRACE
    assert spans["inner"].parent_id == spans["outer"].span_id
    assert spans["outer"].attributes == {"a.b": 1, "c": "d"}
    assert ids == {"trace_id": TRACE, "span_id": spans["inner"].span_id}
    assert spans["alone"].trace_id != TRACE
    assert spans["alone"].parent_id == ""
    assert spans["alone"].links == [TRACE]


def test_of_an_error_its_code_is_said_and_its_text_is_not(record):
    with pytest.raises(LabeldockError), tracing.span("ours"):
        raise ConfigurationError("geheim")
    with pytest.raises(ValueError), tracing.span("theirs"):
        raise ValueError("geheim")

    spans = record()
    assert spans["ours"].attributes == {"error.type": ConfigurationError.code}
    assert spans["theirs"].attributes == {"error.type": "ValueError"}
    assert spans["ours"].failed
    assert spans["theirs"].failed
    assert spans["ours"].events == spans["theirs"].events == 0


def test_a_span_shows_some_of_very_many_calls_and_says_how_many_it_does_not(
    record, collector
):
    with tracing.span("page"):
        for _ in range(MOST_CALLS + 7):
            with tracing.open_call("get_data memory", {}):
                pass

    page = record()["page"]
    calls = [span for span in collector.spans if span.name == "get_data memory"]
    assert page.attributes == {LEFT_OUT: 7}
    assert len(calls) == MOST_CALLS
    assert {span.parent_id for span in calls} == {page.span_id}


def test_a_pool_works_in_the_trace_and_log_of_who_submits(record):
    def find():
        return telemetry.find_correlation_id(), tracing.inject()

    with (
        CorrelatedPool(2) as pool,
        telemetry.correlate("mine"),
        tracing.span("outer", parent=CALLER),
    ):
        submitted = pool.submit(find).result()
        mapped = list(pool.map(lambda _: find(), range(3)))
    assert find() == ("", {})

    ours = ("mine", {"traceparent": f"00-{TRACE}-{record()['outer'].span_id}-01"})
    assert [submitted, *mapped] == [ours] * 4


def test_what_is_carried_is_gone_on_with(record):
    with telemetry.correlate("mine"), tracing.span("request", parent={}):
        carried = telemetry.carry()
    with telemetry.resume(carried), tracing.span("work"):
        assert telemetry.find_correlation_id() == "mine"

    spans = record()
    assert spans["work"].parent_id == spans["request"].span_id


@pytest.mark.parametrize(
    "carried",
    [None, 7, "x", [], {}, {"correlation_id": 7}, {"correlation_id": "a\nb"},
     {"traceparent": "x"}, {"traceparent": ["00"]}, {"correlation_id": "x" * 65}],
)  # fmt: skip
def test_what_cannot_be_understood_is_passed_over(record, carried):
    with telemetry.resume(carried):
        assert telemetry.carry() == {}


def test_a_collector_that_hangs_does_not_hold_up_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "_CLOSE_SECONDS", 0.3)
    with run_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        collector.status = 503  # which is tried again
        tracing.start(Settings(home=tmp_path, traces=True), "a-test")
        with tracing.span("lost"):
            pass
        before = time.monotonic()
        tracing.stop()

        assert time.monotonic() - before < 20  # far from what the SDK itself would wait
    for thread in threading.enumerate():
        if thread.name == "traces-end":
            thread.join(30)


def test_a_variable_that_is_wrong_ends_the_start_with_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")

    with pytest.raises(ConfigurationError, match="variable of OpenTelemetry is wrong"):
        tracing.start(Settings(home=tmp_path, traces=True), "a-test")
    assert not tracing.is_on()

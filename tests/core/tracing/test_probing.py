"""`labeldock doctor` says whether traces are sent, and taken where they are sent to."""

from __future__ import annotations

import pytest

from labeldock.cli import service_checks
from labeldock.cli.findings import Level
from labeldock.cli.service_checks import check_traces
from labeldock.settings import Settings
from tests.servers.otlp import PATH, run_collector
from tests.servers.process import free_port

ADDRESS = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def look(tmp_path, monkeypatch):
    """The finding about traces, with these variables."""

    def find(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return check_traces(Settings(home=tmp_path, traces=True))

    return find


@pytest.fixture
def collector():
    with run_collector() as collector:
        yield collector


def test_traces_that_are_off_are_no_fault(tmp_path):
    found = check_traces(Settings(home=tmp_path))

    assert (found.level, found.message) == (Level.OK, "off")


def test_a_collector_that_takes_them_is_named_without_its_password(look, collector):
    found = look(**{ADDRESS: collector.url.replace("//", "//me:geheim@")})

    assert (found.level, found.message) == (
        Level.OK,
        f"taken at {collector.url}{PATH}",
    )
    assert len(collector.requests) == 1
    assert collector.spans == []


def test_a_collector_that_refuses_is_told_with_its_answer(look, collector):
    collector.status = 401

    found = look(**{ADDRESS: collector.url})

    assert found.level is Level.WARN
    assert "(answers with 401)" in found.message
    assert ADDRESS in found.remedy


def test_a_collector_that_is_away_is_no_failure_of_the_service(look, monkeypatch):
    monkeypatch.setattr(service_checks, "SECONDS", 0.5)  # too little to try again
    away = f"http://127.0.0.1:{free_port()}"

    found = look(**{ADDRESS: away, "NO_PROXY": "*"})

    assert found.level is Level.WARN
    assert f"The collector at {away}{PATH} does not take them" in found.message


def test_opentelemetrys_own_switch_is_told_of(look):
    found = look(OTEL_SDK_DISABLED="true")

    assert found.level is Level.WARN
    assert "OTEL_SDK_DISABLED" in found.message


def test_a_variable_that_is_wrong_fails(look):
    found = look(OTEL_BSP_MAX_QUEUE_SIZE="-1")

    assert found.level is Level.FAIL
    assert "A variable of OpenTelemetry is wrong: " in found.message

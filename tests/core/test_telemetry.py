"""What is logged holds no secret, wherever in an event it stands."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from io import StringIO

import pytest
import structlog

from labeldock.settings import load_settings
from labeldock.telemetry import configure_logging, hide_secrets

SIGNED = "https://b.example/k?X-Amz-Signature=GEHEIM&x=1"


@dataclass(frozen=True)
class Log:
    """What was written to it, and in which of the two forms."""

    is_json: bool
    stream: StringIO


@pytest.fixture(params=["json", "console"])
def log(request, tmp_path, monkeypatch):
    root, stream = logging.getLogger(), StringIO()
    handlers, level, config = list(root.handlers), root.level, structlog.get_config()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging(load_settings(home=tmp_path, log_format=request.param))
    root.handlers[:] = root.handlers[:1]
    yield Log(request.param == "json", stream)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)


def fail():
    message = f"GET {SIGNED} failed"
    try:
        raise_it(message)
    except ValueError as error:
        raise RuntimeError("outer") from error


def raise_it(message):
    raise ValueError(message)


def test_the_text_of_a_foreign_error_keeps_no_signature(log):
    try:
        fail()
    except RuntimeError:
        structlog.get_logger("ours").exception("run_crashed")
        logging.getLogger("theirs").exception("it broke")

    printed = log.stream.getvalue()
    assert printed.count("ValueError: GET https://b.example/k?X-Amz-Signature=") == 2
    assert "RuntimeError: outer" in printed
    assert "GEHEIM" not in printed
    if log.is_json:
        first = json.loads(printed.splitlines()[0])
        assert first["event"] == "run_crashed"
        assert "<hidden>&x=1" in first["exception"]


def test_a_secret_within_a_value_is_hidden_too(log):
    headers = {"Authorization": "Token GEHEIM"}

    structlog.get_logger("ours").warning("seen", urls=[SIGNED], headers=headers)

    printed = log.stream.getvalue()
    assert "<hidden>" in printed
    assert "GEHEIM" not in printed


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (SIGNED, "https://b.example/k?X-Amz-Signature=<hidden>&x=1"),
        ("AccountName=a;AccountKey=Zm9v==;x", "AccountName=a;AccountKey=<hidden>;x"),
        ("postgresql://me:geheim@db/x", "postgresql://me:<hidden>@db/x"),
        ("redis://:geheim@db/0", "redis://:<hidden>@db/0"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("local:///a:b@c", "local:///a:b@c"),
        (
            "{'Authorization': b'AWS4-HMAC-SHA256 Credential=a/b, Signature=c'}",
            "{'Authorization': b'<hidden>'}",
        ),
        ("Authorization: Bearer geheim\nHost: b", "Authorization: <hidden>\nHost: b"),
        (
            "x-amz-security-token:geheim\nhost:b",
            "x-amz-security-token:<hidden>\nhost:b",
        ),
        ("Signature:\nc0ffee", "Signature:\n<hidden>"),
        (
            "{'aws_secret_access_key': 'geheim', 'bucket': 'b'}",
            "{'aws_secret_access_key': '<hidden>', 'bucket': 'b'}",
        ),
        ('{"client_secret": "geheim"}', '{"client_secret": "<hidden>"}'),
        (
            "-----BEGIN RSA PRIVATE KEY-----\\nMII\\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----<hidden>-----END RSA PRIVATE KEY-----",
        ),
        ("Password: at least 8 characters", "Password: at least 8 characters"),
        ("the signature is wrong", "the signature is wrong"),
    ],
)
def test_only_what_is_secret_in_a_text_is_hidden(text, hidden):
    assert hide_secrets(text) == hidden

"""One POST: where it may go, how long it may take, and what is told of it."""

from __future__ import annotations

import time

import pytest

from labeldock.host.egress import EgressPolicy
from labeldock.services.webhooks.transport import post
from tests.servers.certificates import build_certificate
from tests.servers.receiver import run_receiver

HERE = EgressPolicy(permits_private=True)


@pytest.fixture
def receiver():
    with run_receiver() as receiver:
        yield receiver


def send(policy, url, seconds=5.0):
    return post(
        policy, url, b"{}", {"Content-Type": "application/json"}, seconds=seconds
    )


def test_a_post_arrives_with_its_path_and_host(receiver):
    reply = send(HERE, receiver.url + "?a=b%20c#gone")

    assert (reply.status, reply.is_success) == (200, True)
    [request] = receiver.received
    assert request.path == "/hook?a=b%20c"
    assert request.headers["host"] == receiver.url.split("/")[2]


def test_a_host_that_is_not_permitted_is_not_connected_to(receiver):
    reply = send(EgressPolicy(), receiver.url)

    assert reply.status is None
    assert "where no requests are sent" in reply.reason
    assert receiver.received == []


def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(receiver):
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    policy = EgressPolicy(permits_private=True, resolve=lambda *_: next(answers))
    port = receiver.url.rpartition(":")[2]

    reply = send(policy, f"http://hooks.example.com:{port}")

    assert reply.is_success
    assert receiver.received[0].headers["host"].startswith("hooks.example.com:")
    assert "metadata" in send(policy, "http://hooks.example.com/").reason


def test_the_next_address_is_tried_when_one_takes_no_connection(receiver):
    addresses = ["127.0.0.2", "127.0.0.1"]
    policy = EgressPolicy(permits_private=True, resolve=lambda *_: addresses)

    assert send(policy, receiver.url.replace("127.0.0.1", "two.example")).is_success


@pytest.mark.parametrize(
    "url", ["ftp://a/", "http://u:p@a/", "http://", "javascript:1", "http://a\nb/"]
)
def test_what_is_no_address_is_told(url):
    assert "not an address" in send(HERE, url).reason


def test_nobody_there_is_told_without_the_address(receiver):
    reply = send(HERE, "http://127.0.0.1:1/token-in-the-path")

    assert reply.status is None
    assert reply.reason == "It refused the connection."


@pytest.mark.parametrize("how", ["silent", "dripping"])
def test_a_slow_answer_is_not_waited_for(receiver, how):
    if how == "silent":
        receiver.delay = 30.0
    else:
        receiver.drips = True
    began = time.monotonic()

    reply = send(HERE, receiver.url, seconds=0.5)

    assert reply.reason == "There was no answer within 0.5 seconds."
    assert time.monotonic() - began < 10  # far from the 30 of the receiver


def test_a_certificate_has_to_be_trusted_and_of_the_name(tmp_path, monkeypatch):
    certificate = build_certificate(tmp_path)
    authority = tmp_path / "authority.pem"
    authority.write_text(certificate.authority)
    with run_receiver(certificate) as receiver:
        assert "certificate" in send(HERE, receiver.url).reason

        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert send(HERE, receiver.url).is_success

        policy = EgressPolicy(permits_private=True, resolve=lambda *_: ["127.0.0.1"])
        other = receiver.url.replace("localhost", "other.example")
        assert "certificate" in send(policy, other).reason
    assert len(receiver.received) == 1


def test_an_answer_that_is_no_http_is_told(receiver):
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))

    def babble():
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"SSH-2.0-nonsense\r\n\r\n")

    thread = threading.Thread(target=babble)
    thread.start()
    reply = send(HERE, f"http://127.0.0.1:{listener.getsockname()[1]}/")
    thread.join()
    listener.close()

    assert reply.status is None
    assert reply.reason.startswith("The connection failed")

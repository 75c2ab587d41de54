"""Clients: kept by fingerprint, bounded, pinned to their hosts, sent again rarely."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from labeldock.contract import (
    AccessDenied,
    BytesContent,
    ListQuery,
    RateLimited,
    ReadRequest,
    StorageError,
    Unavailable,
    WriteRequest,
)
from labeldock.testing.proxy import ALWAYS, Delay, FaultProxy
from labeldock_gcs.clients import ClientCache

MANY = 70


def test_a_client_is_made_once(connect):
    cache, storage = ClientCache(), connect()

    assert cache.get_client(storage) is cache.get_client(storage)


def test_another_fingerprint_has_another_client(connect):
    cache, storage = ClientCache(), connect()

    one = cache.get_client(storage)
    other = cache.get_client(replace(storage, fingerprint="another"))

    assert one is not other


def test_the_least_recently_used_client_goes_first(connect):
    cache = ClientCache()
    storage = connect(google_application_credentials=None, anonymous=True)
    refs = [replace(storage, fingerprint=str(number)) for number in range(MANY)]
    first = cache.get_client(refs[0])
    second = cache.get_client(refs[1])

    for ref in refs[2:]:
        cache.get_client(ref)
        cache.get_client(refs[0])

    assert cache.get_client(refs[0]) is first
    assert cache.get_client(refs[1]) is not second


def test_threads_share_one_client(connect):
    cache, storage = ClientCache(), connect()

    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(cache.get_client, [storage] * 32))

    assert len(set(map(id, clients))) == 1


def test_a_forked_process_has_clients_of_its_own(connect, monkeypatch):
    cache, storage = ClientCache(), connect()
    before = cache.get_client(storage)
    pid = os.getpid()
    monkeypatch.setattr("labeldock_gcs.clients.os.getpid", lambda: pid + 1)

    assert cache.get_client(storage) is not before


def test_the_bucket_itself_is_never_asked_for(provider, storage, save, load, server):
    save("a.txt", b"data")
    load("a.txt")
    provider.list_objects(storage, ListQuery())
    with pytest.raises(StorageError, match="no such object"):
        load("none.txt")

    bucket = storage.options.bucket
    paths = {target.partition("?")[0] for _, target in server.requests}
    assert f"/storage/v1/b/{bucket}" not in paths


def test_the_project_is_taken_from_the_settings_alone(connect, provider, monkeypatch):
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "another")
    cache = ClientCache()

    assert cache.get_client(connect()).api.project is None
    named = cache.get_client(connect(google_project_id="mine"))
    assert named.api.project == "mine"


# What is sent again


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(provider, storage, server, status):
    fault = server.add_fault(path="/o?", status=status, times=2)

    provider.list_objects(storage, ListQuery())

    assert fault.fired == 2


def test_tries_are_counted(provider, connect, server):
    fault = server.add_fault(path="/o?", status=503, times=100)
    storage = connect(operator={"max_attempts": 2})

    with pytest.raises(Unavailable, match="cannot answer"):
        provider.list_objects(storage, ListQuery())

    assert fault.fired == 2


def test_an_answer_that_says_when_is_passed_on(provider, storage, server):
    fault = server.add_fault(
        path="/o?", status=503, headers={"Retry-After": "40"}, times=100
    )

    with pytest.raises(Unavailable) as caught:
        provider.list_objects(storage, ListQuery())

    assert (fault.fired, caught.value.retry_after) == (1, 40.0)


def test_a_time_limit_is_not_waited_for_twice(provider, connect, server):
    storage = connect(operator={"read_timeout": 0.5})
    provider.list_objects(storage, ListQuery())
    fault = server.add_fault(path="/o?", delay=1.5, times=100)
    started = time.monotonic()

    with pytest.raises(StorageError, match="in time"):
        provider.list_objects(storage, ListQuery())

    assert time.monotonic() - started < 1.4
    assert fault.fired == 1


def test_a_conditional_write_is_not_repeated_when_it_may_have_been_done(
    provider, storage, bucket, server
):
    from labeldock.contract import ABSENT

    fault = server.add_fault(path="/upload/", after=True, status=503, times=100)
    request = WriteRequest("a", BytesContent(b"mine"), "text/plain", ABSENT)

    with pytest.raises(Unavailable, match="cannot answer"):
        provider.save_annotation(storage, request)

    assert fault.fired == 1
    assert bucket.find("a").data == b"mine"


def test_a_write_without_a_condition_is_repeated(save, bucket, server):
    fault = server.add_fault(path="/upload/", after=True, status=503, times=1)

    saved = save("a", b"mine")

    assert fault.fired == 1
    assert saved.etag == str(bucket.find("a").generation)


def test_a_conditional_write_is_repeated_when_it_was_surely_not_done(
    provider, storage, bucket, server
):
    from labeldock.contract import ABSENT

    fault = server.add_fault(path="/upload/", status=429, times=2)
    request = WriteRequest("a", BytesContent(b"mine"), "text/plain", ABSENT)

    provider.save_annotation(storage, request)

    assert fault.fired == 2
    assert bucket.find("a").data == b"mine"


def test_rate_limits_in_the_old_shape_are_known(provider, storage, server):
    body = b'{"error": {"code": 403, "errors": [{"reason": "userRateLimitExceeded"}]}}'
    server.add_fault(path="/o?", status=403, body=body, times=100)

    with pytest.raises(RateLimited, match="slow down"):
        provider.list_objects(storage, ListQuery())


# Where requests may go


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/", "https://example.org/"])
def test_a_redirect_is_not_followed_elsewhere(provider, storage, server, location):
    headers = {"Location": location}
    server.add_fault(path="/o?", status=302, headers=headers, times=100)

    with pytest.raises(AccessDenied, match="another host") as caught:
        provider.list_objects(storage, ListQuery())

    assert caught.value.field == "gcs_endpoint"
    assert "example.org" not in str(caught.value)


def test_an_upload_is_not_sent_elsewhere(provider, storage, server):
    headers = {"Location": "https://example.org/upload"}
    fault = server.add_fault(path="/upload/", status=200, headers=headers)
    content = BytesContent(bytes(9 * 2**20))

    with pytest.raises(AccessDenied, match="another host"):
        provider.save_annotation(storage, WriteRequest("a", content, "text/plain"))

    assert fault.fired == 1


DATA = "session"
TOKENS = "tokens"


@pytest.mark.parametrize(
    ("session", "url", "expected"),
    [
        (DATA, "https://storage.googleapis.com/b", True),
        (DATA, "https://www.googleapis.com:443/b", True),
        (DATA, "http://storage.googleapis.com/b", False),
        (DATA, "https://example.org/b", False),
        (DATA, "http://127.0.0.1/b", False),
        (TOKENS, "https://oauth2.googleapis.com/token", True),
        (TOKENS, "http://127.0.0.1:8080/token", True),
        (TOKENS, "http://[::1]/token", False),
        (TOKENS, "https://iam.example.org/v1", True),
        (TOKENS, "http://iam.example.org/v1", False),
        (TOKENS, "http://169.254.169.254/", False),
    ],
)
def test_each_session_talks_to_its_own_hosts_only(connect, session, url, expected):
    iam = {"iam_endpoint": "https://iam.example.org"}
    client = ClientCache().get_client(connect(gcs_endpoint=None, operator=iam))
    chosen = client.session if session == DATA else client.session._auth_request.session

    adapter = chosen.get_adapter(url)

    assert adapter._is_allowed(urlsplit(url)) is expected


def test_what_is_no_cloud_storage_is_told(provider, storage, server):
    server.add_fault(path="/o?", status=200, body=b"<html>", times=100)

    with pytest.raises(StorageError, match="not Cloud Storage") as caught:
        provider.list_objects(storage, ListQuery())

    assert caught.value.field == "gcs_endpoint"


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Goog-Generation": "1", "Content-Range": "bytes x"}],
)
def test_a_body_without_googles_headers_is_told(provider, storage, server, headers):
    server.add_fault(path="/download/", status=200, headers=headers, times=100)

    with pytest.raises(StorageError, match="not Cloud Storage"):
        provider.get_data(storage, ReadRequest("a"))


def test_threads_read_over_as_many_connections_as_were_set(
    provider, connect, server, bucket
):
    for number in range(40):
        bucket.put(f"{number}", bytes(1000), "text/plain")
    with FaultProxy(server.url) as proxy:
        storage = connect(operator={"connections": 4}, gcs_endpoint=proxy.url)
        proxy.add(Delay(0.02), times=ALWAYS)

        def read(number):
            body = provider.get_data(storage, ReadRequest(f"{number}"))
            try:
                return len(body.reader.read(1000))
            finally:
                body.reader.close()

        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(read, range(40)))

        assert found == {1000}
        assert proxy.record.open <= 4  # those that are kept

"""Storages that die, stall or lie in the middle of an object, and what clients get.

Whatever goes wrong, nobody gets a response that looks complete and is not the object:
there is an error, or the connection is broken off. The faults that fired are counted.
"""

from __future__ import annotations

import http.client
from secrets import token_hex

import pytest
import structlog

from labeldock.contract import Purpose, hookimpl
from labeldock.services import storages
from labeldock.services.storage_fields import StorageDraft
from labeldock.testing.plugins import build_catalog
from labeldock_gcs.plugin import GcsProvider
from tests.chaos.tally import PROPERTY
from tests.servers.gcs import run_gcs
from tests.system.conftest import build_app
from tests.system.media_clouds import build_environment
from tests.system.media_serving import TapProvider, media_path, serve, wait_until

SIZE = 3 * 1024 * 1024 + 7
DATA = bytes(range(256)) * (SIZE // 256) + bytes(7)
TIMEOUT = 1.0


@pytest.fixture(scope="module")
def gcs():
    with run_gcs() as server:
        yield server


@pytest.fixture
def memory():
    provider = LyingProvider()
    provider.create_bucket("media")
    return provider


@pytest.fixture
def catalog(memory, folder):
    environment = {
        **build_environment(folder),
        "LABELDOCK_GCS_READ_TIMEOUT": "0.5",
        "LABELDOCK_GCS_MAX_ATTEMPTS": "2",
    }
    return build_catalog(memory, GcsProvider(), environment=environment)


@pytest.fixture
def app(home, catalog):
    context = build_app(home, catalog, resolver_proxy_timeout=TIMEOUT)
    yield context
    context.close()


@pytest.fixture
def server(app):
    with serve(app) as running:
        yield running


def fetch(server, path, headers):
    """Status, code or body, and whether the response came to its announced end."""
    with server.request(path, headers) as response:
        try:
            return response.status, response.read(), True
        except http.client.IncompleteRead as error:
            return response.status, error.partial, False


def check(reply):
    """Nothing that looks complete is anything but the object."""
    status, body, is_whole = reply
    if not is_whole:
        assert DATA.startswith(body)
        assert len(body) < SIZE
    elif status == 200:
        assert body == DATA
    else:
        assert status in {424, 429, 504}
        assert b'"code"' in body
    return (
        "whole" if is_whole and status == 200 else "broken" if not is_whole else status
    )


# A real server, with faults on the wire

FAULTS = {
    "ends after the first block": ({"truncate": 300_000}, {"whole", "broken", 424}),
    "ends at once": ({"truncate": 0}, {"whole", "broken", 424}),
    "ends before the last byte": ({"truncate": SIZE - 1}, {"whole", "broken", 424}),
    "falls silent on the way": ({"stall": 300_000}, {"whole", "broken", 424, 504}),
    "falls silent at once": ({"stall": 0}, {"whole", "broken", 424, 504}),
    "is not available": ({"status": 503}, {"whole", 424}),
    "asks to slow down": ({"status": 429}, {"whole", 429}),
    "refuses": ({"status": 403}, {424}),
    "answers nonsense": ({"status": 200, "body": b"<html>"}, {"broken", 424, "whole"}),
}


@pytest.mark.parametrize("times", [1, 99])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_server_is_never_taken_for_the_object(
    app, server, gcs, owner, project, auth, name, times, record_property
):
    bucket = gcs.create_bucket(f"faults-{token_hex(6)}")
    bucket.put("clip.mp4", DATA, "video/mp4")
    fields = {
        "bucket": bucket.name, "use_blob_urls": True, "presign": False,
        "google_application_credentials": gcs.build_document(),
        "gcs_endpoint": gcs.url,
    }  # fmt: skip
    draft = StorageDraft(project.id, Purpose.IMPORT, "gcs", fields)
    storages.add_storage(app, owner.principal, draft)
    script, outcomes = FAULTS[name]
    fault = gcs.add_fault(path="alt=media", times=times, **script)

    path = media_path("project", project.id, f"gs://{bucket.name}/clip.mp4")
    outcome = check(fetch(server, path, auth))
    gcs.faults.clear()

    record_property(
        PROPERTY, [times, {f"media: the server {name}": [1, int(fault.fired > 0)]}, {}]
    )
    assert fault.fired
    assert outcome in outcomes
    wait_until(lambda: server.engine.limiter.open == 0)


# A provider that does not keep to what it said


class Liar:
    """A reader that gives what a test says instead of what it was asked for."""

    def __init__(self, blocks):
        self.blocks = list(blocks)
        self.lies = 0

    def read(self, size, /):
        self.lies += 1
        block = self.blocks.pop(0) if self.blocks else b""
        if isinstance(block, Exception):
            raise block
        return block(size) if callable(block) else block

    def close(self):
        pass


class LyingProvider(TapProvider):
    """Says the truth of an object, and then gives what a liar gives."""

    liar = None

    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        if self.liar is None or request.metadata_only:
            return body
        body.reader.close()
        return type(body)(body.info, body.content_range, self.liar)


LIES = {
    "more than asked for": [lambda size: DATA[: size + 1]],
    "far more than there is": [DATA * 2],
    "less than there is": [DATA[:400_000]],
    "nothing": [],
    "text": ["text"],
    "None": [None],
    "a foreign error": [DATA[:100_000], RuntimeError("secret-token")],
    "a foreign error at once": [RuntimeError("secret-token")],
}


@pytest.mark.parametrize("name", LIES)
def test_a_provider_that_lies_is_never_taken_for_the_object(
    server, memory, put_object, connect, project, auth, name, record_property
):
    put_object("clip.mp4", DATA, "video/mp4")
    connect(presign=False)
    memory.liar = Liar(LIES[name])

    path = media_path("project", project.id, "memory://media/clip.mp4")
    status, body, is_whole = fetch(server, path, auth)
    outcome = check((status, body, is_whole))

    struck = int(memory.liar.lies > 0)
    record_property(
        PROPERTY, [0, {f"media: the provider gives {name}": [1, struck]}, {}]
    )
    assert struck
    assert outcome in {"broken", 424}
    assert b"secret-token" not in body


def test_what_was_broken_off_is_logged_with_its_statistics(
    server, memory, connect, put_object, project, auth
):
    put_object("small.jpg")
    connect(presign=False)
    memory.tap("clip.mp4", SIZE, stall_at=1024 * 1024)
    path = media_path("project", project.id, "memory://media/clip.mp4")

    with structlog.testing.capture_logs() as events:
        _, body, is_whole = fetch(server, path, auth)
        wait_until(lambda: any(e["event"] == "media_stream_broken_off" for e in events))

    (event,) = [e for e in events if e["event"] == "media_stream_broken_off"]
    assert not is_whole
    assert (event["code"], event["sent"]) == ("storage_timeout", len(body))
    assert event["key"] == "clip.mp4"
    assert event["seconds"] >= TIMEOUT
    assert event["log_level"] == "warning"

"""Thumbnails over HTTP: made once, permitted like the picture, never in the way."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from PIL import Image

from labeldock.contract import ObjectBody, ObjectInfo, Unavailable, hookimpl
from labeldock.services.resolving.thumbnails import MAX_BYTES
from labeldock.web.media import thumbnails
from tests.system.media_serving import TapProvider, media_path, serve, wait_until

URI = "memory://media/gull.png"


def encode(colour="red", size=(800, 400), kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


class CountingProvider(TapProvider):
    """Counts how often a body is opened; waits before it, if it is told to."""

    def __init__(self):
        super().__init__()
        self.bodies = []
        self.sizes = {}
        self.gate = threading.Event()
        self.gate.set()

    @hookimpl
    def get_data(self, storage, request):
        if request.metadata_only and request.key in self.sizes:
            size = self.sizes[request.key]
            info = ObjectInfo(request.key, size, "huge", datetime.now(UTC), "image/png")
            return ObjectBody(info, None, io.BytesIO())
        if not request.metadata_only:
            self.bodies.append(request.key)
            self.gate.wait(10)
        return super().get_data(storage, request)


@pytest.fixture
def memory():
    provider = CountingProvider()
    provider.create_bucket("media")
    return provider


@pytest.fixture
def storage(connect, put_object):
    put_object("gull.png", encode(), "image/png")
    return connect()


@pytest.fixture
def path(storage, task, project):
    return media_path("project", project.id, URI) + "&size=200"


@pytest.fixture
def server(app):
    with serve(app) as running:
        yield running


@pytest.fixture
def get(server, auth):
    def get_(path, method="GET", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return server.get(path, {**auth, **named}, method)

    return get_


def read_picture(reply):
    assert reply.status == 200, reply.body
    assert reply.headers["Content-Type"] == "image/webp"
    return Image.open(io.BytesIO(reply.body))


def test_a_thumbnail_is_small_and_safe(get, path):
    reply = get(path)

    assert read_picture(reply).size == (256, 128)
    assert reply.headers["Content-Length"] == str(len(reply.body))
    assert reply.headers["Cache-Control"] == "private, max-age=3600, must-revalidate"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in reply.headers["Content-Security-Policy"]


def test_it_is_made_once(get, path, memory):
    first, second = get(path), get(path.replace("size=200", "size=256"))

    assert first.body == second.body
    assert memory.bodies == ["gull.png"]


def test_another_process_finds_it_too(app, get, path, memory, auth):
    first = get(path)
    with serve(app) as other:
        second = other.get(path, auth)

    assert first.body == second.body
    assert memory.bodies == ["gull.png"]


def test_many_who_ask_at_once_wait_for_one(server, auth, path, memory):
    memory.gate.clear()
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(server.get, path, auth) for _ in range(12)]
        wait_until(lambda: memory.bodies)
        memory.gate.set()
        replies = [each.result() for each in asked]

    assert {reply.status for reply in replies} == {200}
    assert memory.bodies == ["gull.png"]


def test_while_many_are_being_made_others_are_asked_to_come_back(
    server, auth, path, memory, project, put_object, monkeypatch
):
    monkeypatch.setattr(thumbnails, "_MOST_WAITING", 1)
    put_object("other.png", encode(), "image/png")
    other = media_path("project", project.id, "memory://media/other.png") + "&size=64"
    memory.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(server.get, path, auth)
        wait_until(lambda: memory.bodies)
        refused = server.get(other, auth)
        memory.gate.set()

        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert read_picture(first.result())
    assert read_picture(server.get(other, auth))


def test_a_client_that_goes_away_leaves_a_thumbnail_behind(server, auth, path, memory):
    memory.gate.clear()
    connection = server.connect()
    connection.request("GET", path, headers=auth)
    wait_until(lambda: memory.bodies)
    connection.close()
    memory.gate.set()
    wait_until(lambda: not server.engine.thumbnails._making)

    assert read_picture(server.get(path, auth))
    assert memory.bodies == ["gull.png"]


def test_a_changed_picture_has_another_thumbnail(app, auth, path, put_object):
    with serve(app) as server:
        before = server.get(path, auth)
    put_object("gull.png", encode("blue"), "image/png")
    with serve(app) as server:
        after = server.get(path, auth)

    assert read_picture(before).convert("RGB").getpixel((9, 9))[0] > 200
    assert read_picture(after).convert("RGB").getpixel((9, 9))[2] > 200
    assert before.headers["ETag"] != after.headers["ETag"]


def test_who_has_it_already_gets_no_body(get, path):
    etag = get(path).headers["ETag"]

    reply = get(path, If_None_Match=f'"other", W/{etag}')

    assert (reply.status, reply.body) == (304, b"")
    assert get(path, If_None_Match='"other"').status == 200
    assert get(path, If_Match='"other"').status == 412


def test_head_tells_what_get_would(get, path):
    head, whole = get(path, "HEAD"), get(path)

    assert head.body == b""
    for name in ("Content-Length", "Content-Type", "ETag"):
        assert head.headers[name] == whole.headers[name]


def test_only_who_may_see_the_picture_sees_it(server, path, stranger, task):
    assert server.get(path, {}).status == 401
    assert server.get(path, stranger.headers).status == 403


def test_another_person_has_another_etag(server, path, auth, admin):
    mine, theirs = server.get(path, auth), server.get(path, admin.headers)

    assert mine.body == theirs.body
    assert mine.headers["ETag"] != theirs.headers["ETag"]


def test_a_task_gives_thumbnails_of_what_it_refers_to(get, storage, task):
    own = media_path("task", task.id, "memory://media/gull.jpg") + "&size=64"
    other = media_path("task", task.id, URI) + "&size=64"

    assert get(own).status == 404  # there is no such object
    assert get(other).status == 404  # there is, and the task does not refer to it


@pytest.mark.parametrize("size", ["", "0", "-5", "9999", "big"])
def test_a_size_that_is_not_made_is_told(get, path, size):
    reply = get(path.replace("size=200", f"size={size}"))

    assert reply.status == 400
    assert b"size" in reply.body


@pytest.mark.parametrize(
    "data", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", encode()[:200]]
)
def test_what_has_no_thumbnail_is_shown_itself(get, path, put_object, data, memory):
    put_object("gull.png", data, "image/png")

    first, second = get(path), get(path)

    assert (first.status, second.status) == (303, 303)
    location = first.headers["Location"]
    assert path.partition("?")[2].startswith(location[1:].replace("%3D", "="))
    assert memory.bodies == ["gull.png"]  # and not tried again


def test_a_picture_with_too_many_pixels_is_not_decoded(get, path, put_object):
    file = io.BytesIO()
    Image.new("1", (9000, 9000)).save(file, "PNG")
    put_object("gull.png", file.getvalue(), "image/png")

    assert get(path).status == 303


def test_a_file_that_is_too_large_is_not_read(get, path, memory):
    memory.sizes["gull.png"] = MAX_BYTES + 1

    assert get(path).status == 303
    assert memory.bodies == []


def test_a_storage_that_fails_is_told_and_not_remembered(get, path, memory):
    memory.errors["gull.png"] = Unavailable("no secret-bucket")
    assert get(path).status == 424
    memory.errors.clear()

    assert read_picture(get(path))


@pytest.mark.parametrize("script", [{"stall_at": 1000}, {"end_at": 1000}])
def test_a_body_that_stalls_or_ends_early_is_no_thumbnail(
    app, auth, path, memory, script
):
    object.__setattr__(app.settings, "resolver_proxy_timeout", 0.5)
    memory.tap("gull.png", 5000, **script)
    with serve(app) as server:
        reply = server.get(path, auth)
        memory.taps.clear()

        assert reply.status == (504 if "stall_at" in script else 424)
        assert read_picture(server.get(path, auth))


def test_the_pages_of_the_console_use_them(
    client, project, put_object, connect, sync, owner
):
    put_object("gull.png", encode(), "image/png")
    sync(connect())
    form = {"email": owner.email, "password": owner.password}
    client.post("/user/login/", data=form, headers={"Origin": "http://testserver"})

    page = client.get(f"/projects/{project.id}/", headers={"Accept": "text/html"}).text

    (source,) = [
        part
        for part in page.split('"')
        if part.startswith("/tasks/") and "size" in part
    ]
    picture = client.get(source.replace("&amp;", "&"))
    assert Image.open(io.BytesIO(picture.content)).size == (384, 192)

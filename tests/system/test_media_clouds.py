"""Media of S3, Google Cloud Storage, Azure and local files, from their servers."""

from __future__ import annotations

import http.client
import json
import logging
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeldock import telemetry
from labeldock.cli.serving import _choose_options
from labeldock.contract import Purpose
from labeldock.db.tables import Storage
from labeldock.services import storages, tasks
from labeldock.services.connections import save_secrets
from labeldock.services.storage_fields import StorageDraft
from labeldock.testing.plugins import build_catalog
from tests.servers.azurite import run_azurite
from tests.servers.gcs import run_gcs
from tests.servers.starting import start_server
from tests.servers.swift import ARCHIVE_KEY_ID, ARCHIVE_SECRET, run_swift
from tests.system.conftest import build_app
from tests.system.media_clouds import (
    AzureCloud,
    GcsCloud,
    LocalCloud,
    S3Cloud,
    build_environment,
    list_providers,
)
from tests.system.media_serving import media_path, serve

DATA = bytes(range(256)) * 40
SIZE = len(DATA)
LIMIT = 4000
NAMES = ["s3", "gcs", "azure", "local"]


@pytest.fixture(scope="module")
def servers():
    """Each server, started when a test asks for it."""
    with ExitStack() as stack:
        started = {}

        def find(name):
            if name not in started:
                runs = {"s3": run_swift, "gcs": run_gcs, "azure": run_azurite}
                started[name] = start_server(stack, runs[name]())
            return started[name]

        yield find


@pytest.fixture
def build_cloud(servers, folder):
    def build(name):
        if name == "local":
            return LocalCloud(folder)
        kinds = {"s3": S3Cloud, "gcs": GcsCloud, "azure": AzureCloud}
        return kinds[name](servers(name))

    return build


@pytest.fixture(params=NAMES)
def cloud(request, build_cloud):
    return build_cloud(request.param)


@pytest.fixture
def catalog(folder):
    return build_catalog(*list_providers(), environment=build_environment(folder))


@pytest.fixture
def app(home, catalog):
    context = build_app(home, catalog, resolver_proxy_max_range_size=LIMIT)
    yield context
    context.close()


@pytest.fixture
def server(app):
    with serve(app) as running:
        yield running


@pytest.fixture
def add(app, owner, project):
    """Connect a bucket to the project."""

    def add_(cloud, bucket, **values):
        fields = {"use_blob_urls": True, "recursive_scan": True, "presign": False}
        fields |= cloud.fields(bucket) | values
        draft = StorageDraft(project.id, Purpose.IMPORT, cloud.provider, fields)
        return storages.add_storage(app, owner.principal, draft)

    return add_


@pytest.fixture
def bucket(cloud):
    name = cloud.create()
    cloud.put(name, "clip.mp4", DATA, "video/mp4")
    return name


@pytest.fixture
def get(server, project, auth, cloud, bucket):
    """Ask for a key of the bucket, as part of the project."""

    def get_(key="clip.mp4", method="GET", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path = media_path("project", project.id, cloud.uri(bucket, key))
        return server.get(path, {**auth, **named}, method)

    return get_


def fetch(url, method="GET", headers=None):
    """What a browser without a login gets from an address."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request(method, f"{parts.path}?{parts.query}", headers=headers or {})
    with connection.getresponse() as response:
        return response.status, response.headers, response.read()


# Proxy

RANGES = [
    ("bytes=0-", 0, LIMIT - 1),
    ("bytes=0-0", 0, 0),
    ("bytes=100-199", 100, 199),
    ("bytes=100-", 100, 100 + LIMIT - 1),
    (f"bytes={SIZE - 5}-", SIZE - 5, SIZE - 1),
    (f"bytes={SIZE - 1}-{SIZE + 99}", SIZE - 1, SIZE - 1),
    ("bytes=-1", SIZE - 1, SIZE - 1),
    (f"bytes=-{LIMIT + 10}", SIZE - LIMIT - 10, SIZE - 11),
    (f"bytes=-{SIZE * 2}", 0, LIMIT - 1),
]
WHOLE = ["bytes=5-2", "bytes=a-b", "items=0-5", "bytes=--1", "bytes=0-1,5-6",
         "bytes=" + ",".join(["0-9"] * 2000)]  # fmt: skip
NOWHERE = [f"bytes={SIZE}-", f"bytes={SIZE + 9}-{SIZE + 10}", "bytes=-0",
           f"bytes={10**30}-"]  # fmt: skip


def test_ranges_are_the_slices_that_they_say(cloud, bucket, add, get):
    add(cloud, bucket)

    for header, first, last in RANGES:
        reply = get(Range=header)
        assert (reply.status, reply.body) == (206, DATA[first : last + 1]), header
        assert reply.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
        assert reply.headers["Content-Length"] == str(last - first + 1)
    for header in WHOLE:
        reply = get(Range=header)
        assert (reply.status, reply.body) == (200, DATA), header
    for header in NOWHERE:
        reply = get(Range=header)
        assert reply.status == 416, header
        assert reply.headers["Content-Range"] == f"bytes */{SIZE}"


def test_conditions_are_answered_without_a_body(cloud, bucket, add, get):
    add(cloud, bucket)
    whole = get()
    etag, date = whole.headers["ETag"], whole.headers["Last-Modified"]
    past = "Wed, 01 Jan 2020 00:00:00 GMT"

    assert (whole.status, whole.body) == (200, DATA)
    assert whole.headers["Content-Type"] == "video/mp4"
    for value in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        known = get(If_None_Match=value)
        assert (known.status, known.body) == (304, b"")
        assert known.headers["ETag"] == etag
    assert get(If_None_Match='"x"').status == 200
    assert get(If_Modified_Since=date).status == 304
    assert get(If_Modified_Since=past).status == 200
    assert get(If_None_Match='"x"', If_Modified_Since=date).status == 200
    assert get(If_Match='"x"').status == 412
    assert get(If_Unmodified_Since=past).status == 412
    assert get(Range="bytes=0-9", If_Range=etag).status == 206
    assert get(Range="bytes=0-9", If_Range='"x"').status == 200
    assert get(Range="bytes=0-9", If_Range=past).status == 200


def test_an_object_that_changed_between_two_ranges_is_sent_anew(
    cloud, bucket, add, get
):
    add(cloud, bucket)
    first = get(Range="bytes=0-9")
    cloud.put(bucket, "clip.mp4", bytes(SIZE), "video/mp4")

    again = get(Range="bytes=10-19", If_Range=first.headers["ETag"])

    assert (again.status, again.body) == (200, bytes(SIZE))
    assert get(Range="bytes=10-19").headers["ETag"] != first.headers["ETag"]
    assert get(If_Match=first.headers["ETag"]).status == 412


def test_head_tells_what_get_would(cloud, bucket, add, get):
    add(cloud, bucket)
    whole, head = get(), get(method="HEAD")

    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified"):
        assert head.headers[name] == whole.headers[name]


ODD = [
    "a b=c.jpg",
    "100%25_#?&.jpg",
    "ü/日本 🙂.jpg",
    "it's (1) [x];+~.jpg",
    'q"<>.jpg',
]


@pytest.mark.parametrize("presign", [False, True])
def test_odd_keys_are_served(cloud, bucket, add, get, server, presign):
    for number, key in enumerate(ODD):
        cloud.put(bucket, key, b"%d" % number, "image/jpeg")
    add(cloud, bucket, presign=presign)

    for number, key in enumerate(ODD):
        reply = get(key)
        if presign:
            assert reply.status == 303, key
            status, _, body = fetch(find_location(server, reply))
        else:
            status, body = reply.status, reply.body
        assert (status, body) == (200, b"%d" % number), key


def find_location(server, reply):
    location = reply.headers["Location"]
    is_ours = location.startswith("/")
    return f"http://127.0.0.1:{server.port}{location}" if is_ours else location


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, SIZE + 10), st.none() | st.integers(0, SIZE + 10))
def test_any_range_equals_the_slice(cloud, bucket, add_once, get, first, last):
    add_once(cloud, bucket)
    reply = get(Range=f"bytes={first}-{'' if last is None else last}")

    if last is not None and last < first:
        assert (reply.status, reply.body) == (200, DATA)
    elif first >= SIZE:
        assert reply.status == 416
    else:
        asked = DATA[first:] if last is None else DATA[first : last + 1]
        assert (reply.status, reply.body) == (206, asked[:LIMIT])


@pytest.fixture
def add_once(add):
    """Connect a bucket the first time that a property is tried."""
    connected = set()

    def add_(cloud, bucket):
        if bucket not in connected:
            connected.add(bucket)
            add(cloud, bucket)

    return add_


# URIs

FORMS = {
    "whole": "{0}",
    "blanks": "  {0}\n",
    "html": "<img src=\"{0}\"> and <video src='{1}'></video>",
    "css": "background: url({0}), url('{1}')",
    "markdown": "![a]({0}) [b](<{1}>)",
    "prose": "see {0}, and ({1}).",
    "json": '{{"a": "{0}", "b": ["{1}"]}}',
    "lines": "{0}\n{1}\n",
}


def test_every_uri_in_a_task_leads_to_its_object(
    app, cloud, bucket, add, owner, project, server, auth
):
    cloud.put(bucket, "deep/2.png", b"two", "image/png")
    add(cloud, bucket)
    uris = [cloud.uri(bucket, key) for key in ("clip.mp4", "deep/2.png")]
    data = {name: form.format(*uris) for name, form in FORMS.items()}
    data["nested"] = [{"deep": [uris[1], 1, None]}]
    data["foreign"] = cloud.uri(f"{bucket}x", "clip.mp4")
    task = tasks.create_task(app, owner.principal, project.id, data)

    reply = server.get(f"/api/tasks/{task.id}/", auth)

    shown = json.loads(reply.body)["data"]
    urls = dict(
        zip(uris, (media_path("task", task.id, uri) for uri in uris), strict=True)
    )
    expected = {name: form.format(*urls.values()) for name, form in FORMS.items()}
    expected["nested"] = [{"deep": [urls[uris[1]], 1, None]}]
    assert shown == {**expected, "foreign": data["foreign"]}
    for uri, body in zip(uris, (DATA, b"two"), strict=True):
        assert server.get(urls[uri], auth).body == body


# Redirect


def test_a_redirect_leads_to_the_object_as_a_browser_needs_it(
    cloud, bucket, add, get, server
):
    cloud.put(bucket, "page.html", b"<script>", "text/html")
    cloud.put(bucket, "naïve name.jpg", b"picture", "application/octet-stream")
    add(cloud, bucket, presign=True, presign_ttl=5)

    reply = get("naïve name.jpg")
    assert (reply.status, reply.body) == (303, b"")
    assert read_lifetime(reply) in range(285, 301)
    assert get("naïve name.jpg").headers["Location"] == reply.headers["Location"]

    status, headers, body = fetch(find_location(server, reply))
    assert (status, body) == (200, b"picture")
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Disposition"].startswith("inline")
    part = fetch(find_location(server, reply), headers={"Range": "bytes=2-3"})
    assert (part[0], part[2]) == (206, b"ct")

    _, headers, _ = fetch(find_location(server, get("page.html")))
    assert headers["Content-Disposition"].startswith("attachment")


def read_lifetime(reply):
    kind, _, age = reply.headers["Cache-Control"].partition(", max-age=")
    assert kind == "private"
    return int(age)


def test_a_changed_signature_opens_nothing(cloud, bucket, add, get, server):
    add(cloud, bucket, presign=True)
    location = find_location(server, get())
    last = location[-1]
    forged = location[:-1] + ("0" if last != "0" else "1")
    if cloud.provider in {"azure", "local"}:  # the last characters may be padding
        forged = location.replace("sig=", "sig=x", 1)
        forged = forged if forged != location else location[:-6] + "AAAAAA"

    assert fetch(forged)[0] in {400, 403}


def test_signed_urls_and_credentials_are_never_logged(
    cloud, bucket, add, get, server, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    telemetry.keep_signatures_out()
    with structlog.testing.capture_logs() as events:
        add(cloud, bucket, presign=True)
        location = get().headers["Location"]
        fetch(find_location(server, get()))
        get("missing.jpg")
    out, err = capfd.readouterr()
    # All but the log of requests: pytest revives it, the service does without.
    ours = [r for r in caplog.records if r.name != "uvicorn.access"]
    assert _choose_options()["access_log"] is False
    text = f"{events}{[r.getMessage() for r in ours]}{out}{err}"

    secret = location.partition("?")[2] or location
    assert secret not in text
    for name in ("Signature=", "sig=", "/media/"):
        assert name not in text


# Answers


def test_what_is_missing_is_not_found(cloud, bucket, add, get):
    add(cloud, bucket)

    assert read_code(get("missing.jpg")) == (404, "object_not_found")
    assert read_code(get("missing.jpg", method="GET", Range="bytes=0-")) == (
        404,
        "object_not_found",
    )


def test_a_key_outside_the_prefix_is_not_served(cloud, bucket, add, get):
    cloud.put(bucket, "in/a.jpg", b"in", "image/jpeg")
    add(cloud, bucket, prefix="in")

    assert get("in/a.jpg").body == b"in"
    assert read_code(get("clip.mp4")) == (404, "not_found")
    assert read_code(get("in/../clip.mp4")) == (404, "not_found")


@pytest.mark.parametrize("cloud", ["s3", "azure"], indirect=True)
def test_refused_credentials_are_a_failure_of_the_storage(app, cloud, bucket, add, get):
    storage = add(cloud, bucket)
    with app.database.write() as session:
        save_secrets(app, session, storage.id, cloud.break_secrets())

    assert read_code(get()) in {
        (424, "storage_unauthenticated"),
        (424, "storage_access_denied"),
    }


@pytest.mark.parametrize("cloud", ["s3", "gcs", "azure"], indirect=True)
def test_a_server_that_is_not_there_is_a_failure_of_the_storage(
    app, cloud, bucket, add, get
):
    storage = add(cloud, bucket)
    change_settings(
        app, storage, **{f"{cloud.provider}_endpoint": "http://127.0.0.1:1"}
    )

    assert read_code(get()) in {(424, "storage_unavailable"), (504, "storage_timeout")}


@pytest.mark.parametrize("cloud", ["s3", "gcs", "azure", "local"], indirect=True)
def test_a_bucket_that_is_gone_is_a_failure_of_the_storage(
    app, cloud, bucket, add, get
):
    storage = add(cloud, bucket)
    field = {"azure": "container", "local": "path"}.get(cloud.provider, "bucket")
    change_settings(app, storage, **{field: f"{bucket}-gone"})

    assert read_code(get()) == (424, "container_not_found")


def change_settings(app, storage, **values):
    """Behind the application's back: it would check them."""
    with app.database.write() as session:
        row = session.get_one(Storage, storage.id)
        row.settings = {**row.settings, **values}


@pytest.mark.parametrize("origins", [frozenset(), frozenset({"https://l.example"})])
def test_validating_says_whether_pages_may_read_a_bucket(
    build_cloud, client, auth, project, origins
):
    cloud = build_cloud("gcs")
    bucket = cloud.create()
    cloud.put(bucket, "a.jpg", b"x", "image/jpeg")
    cloud.server.buckets[bucket].origins = origins
    body = {**cloud.fields(bucket), "project": project.id, "use_blob_urls": True}

    headers = {**auth, "Origin": "https://l.example"}
    answer = client.post("/api/storages/gcs/validate", json=body, headers=headers)

    assert answer.status_code == 200
    codes = (
        [each["code"] for each in answer.json()["warnings"]] if answer.content else []
    )
    assert codes == ([] if origins else ["cors"])


def read_code(reply):
    body = json.loads(reply.body)
    assert body["status_code"] == reply.status
    return reply.status, body["code"]


# Several storages


def test_tasks_of_one_bucket_point_into_another(
    build_cloud, add, project, server, auth, sync
):
    here, there = build_cloud("s3"), build_cloud("gcs")
    first, second = here.create(), there.create()
    there.put(second, "a picture.jpg", b"picture", "image/jpeg")
    uri = there.uri(second, "a picture.jpg")
    rows = json.dumps([{"data": {"image": uri, "html": f'<img src="{uri}">'}}]).encode()
    here.put(first, "tasks.json", rows, "application/json")
    sync(add(here, first, use_blob_urls=False))
    add(there, second)  # which is never synced

    (task,) = server_tasks(server, project, auth)
    assert task["data"]["html"] == f'<img src="{task["data"]["image"]}">'
    reply = server.get(task["data"]["image"], auth)

    assert (reply.status, reply.body) == (200, b"picture")


def server_tasks(server, project, auth):
    reply = server.get(f"/api/tasks/?project={project.id}&fields=all", auth)
    return json.loads(reply.body)["tasks"]


@pytest.mark.parametrize("presign", [False, True])
def test_buckets_with_different_credentials_are_read_each_with_its_own(
    app, servers, add, owner, project, server, auth, presign
):
    clouds = [
        S3Cloud(servers("s3")),
        S3Cloud(servers("s3"), ARCHIVE_KEY_ID, ARCHIVE_SECRET),
    ]
    buckets = [cloud.create() for cloud in clouds]
    for number, (cloud, name) in enumerate(zip(clouds, buckets, strict=True)):
        cloud.put(name, "x.jpg", b"%d" % number, "image/jpeg")
        add(cloud, name, presign=presign)
    assert clouds[0].place.key_id != clouds[1].place.key_id
    uris = [c.uri(name, "x.jpg") for c, name in zip(clouds, buckets, strict=True)]
    task = tasks.create_task(app, owner.principal, project.id, {"images": uris})

    replies = [server.get(media_path("task", task.id, uri), auth) for uri in uris]

    if presign:
        assert [reply.status for reply in replies] == [303, 303]
        bodies = [fetch(reply.headers["Location"])[2] for reply in replies]
    else:
        bodies = [reply.body for reply in replies]
    assert bodies == [b"0", b"1"]


def test_a_storage_whose_last_sync_failed_serves_media(
    build_cloud, add, server, auth, project, sync
):
    cloud = build_cloud("gcs")
    bucket = cloud.create()
    cloud.put(bucket, "a.jpg", b"no task at all", "image/jpeg")
    storage = add(cloud, bucket)
    cloud.server.add_fault(path="/storage/v1/b", status=403, times=99)
    run = sync(storage)
    cloud.server.faults.clear()
    assert run.state == "failed"

    path = media_path("project", project.id, cloud.uri(bucket, "a.jpg"))

    assert server.get(path, auth).body == b"no task at all"

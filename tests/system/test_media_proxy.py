"""Streamed media over a real server: ranges, conditions, HEAD, headers, links."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeldock.contract import Purpose
from labeldock.services import storages, tasks
from labeldock.services.resolving.signing import MediaGrant, seal_grant
from labeldock.services.storage_fields import StorageDraft
from tests.system.conftest import build_app
from tests.system.media_serving import media_path, serve

DATA = bytes(range(256)) * 40
SIZE = len(DATA)
LIMIT = 4000
CLIP = "memory://media/clip.mp4"


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
def path(connect, put_object, project):
    put_object("clip.mp4", DATA, "video/mp4")
    put_object("empty.bin", b"", "video/mp4")
    connect(presign=False)
    return media_path("project", project.id, CLIP)


@pytest.fixture
def get(server, path, auth):
    def get_(method="GET", path=path, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return server.get(path, {**auth, **named}, method)

    return get_


def test_the_whole_object_comes_with_all_that_a_browser_needs(get):
    reply = get()

    assert (reply.status, reply.body) == (200, DATA)
    assert reply.headers["Content-Length"] == str(SIZE)
    assert reply.headers["Content-Type"] == "video/mp4"
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["Content-Range"] is None
    assert reply.headers["Last-Modified"].endswith("GMT")
    assert reply.headers["Cache-Control"] == "private, max-age=3600, must-revalidate"
    assert reply.headers["Vary"] == "Authorization, Cookie, Origin"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Content-Disposition"] == 'inline; filename="clip.mp4"'


RANGES = [
    ("bytes=0-", 0, LIMIT - 1),
    ("bytes=0-0", 0, 0),
    ("bytes=0-9", 0, 9),
    ("bytes=100-199", 100, 199),
    ("bytes=100-", 100, 100 + LIMIT - 1),
    (f"bytes={SIZE - 5}-", SIZE - 5, SIZE - 1),
    (f"bytes={SIZE - 5}-{SIZE + 5}", SIZE - 5, SIZE - 1),
    ("bytes=-1", SIZE - 1, SIZE - 1),
    ("bytes=-10", SIZE - 10, SIZE - 1),
    (f"bytes=-{LIMIT}", SIZE - LIMIT, SIZE - 1),
    (f"bytes=-{LIMIT + 10}", SIZE - LIMIT - 10, SIZE - 11),
    (f"bytes=-{SIZE * 2}", 0, LIMIT - 1),
    ("bytes=0-99999999", 0, LIMIT - 1),
]


@pytest.mark.parametrize(("header", "first", "last"), RANGES)
def test_a_range_is_the_slice_that_it_says(get, header, first, last):
    reply = get(Range=header)

    assert (reply.status, reply.body) == (206, DATA[first : last + 1])
    assert reply.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert reply.headers["Content-Length"] == str(last - first + 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, SIZE + 10), st.none() | st.integers(0, SIZE + 10))
def test_any_range_equals_the_slice(get, first, last):
    reply = get(Range=f"bytes={first}-{'' if last is None else last}")

    if last is not None and last < first:
        assert (reply.status, reply.body) == (200, DATA)
    elif first >= SIZE:
        assert reply.status == 416
    else:
        asked = DATA[first:] if last is None else DATA[first : last + 1]
        assert (reply.status, reply.body) == (206, asked[:LIMIT])


@pytest.mark.parametrize(
    "header",
    [
        "bytes=5-2",
        "bytes=a-b",
        "items=0-5",
        "bytes=",
        "bytes=0-1,5-6",
        "bytes=" + ",".join("0-9" for _ in range(2000)),
    ],
)
def test_a_range_that_is_not_served_is_ignored(get, header):
    reply = get(Range=header)

    assert (reply.status, reply.body) == (200, DATA)


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=-0", f"bytes={10**30}-"])
def test_a_range_without_a_byte_is_told_with_the_size(get, header):
    reply = get(Range=header)

    assert reply.status == 416
    assert reply.headers["Content-Range"] == f"bytes */{SIZE}"
    assert b'"invalid_range"' in reply.body


def test_an_empty_object_is_served_whole_and_has_no_ranges(get, project):
    path = media_path("project", project.id, "memory://media/empty.bin")

    whole, part = get(path=path), get(path=path, Range="bytes=0-")

    assert (whole.status, whole.body, whole.headers["Content-Length"]) == (
        200,
        b"",
        "0",
    )
    assert (part.status, part.headers["Content-Range"]) == (416, "bytes */0")


def test_head_tells_what_get_would(get):
    whole, head = get(), get("HEAD", Range="bytes=0-9")

    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified"):
        assert head.headers[name] == whole.headers[name]


# Conditions


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
def test_who_has_it_already_gets_no_body(get, method, form):
    etag = get().headers["ETag"]

    reply = get(method, If_None_Match=form.format(etag))

    assert (reply.status, reply.body) == (304, b"")
    assert reply.headers["ETag"] == etag
    assert reply.headers["Cache-Control"].startswith("private")


def test_dates_work_where_there_is_no_etag(get):
    date = get().headers["Last-Modified"]

    assert get(If_Modified_Since=date).status == 304
    assert get(If_Modified_Since="Mon, 04 May 1998 03:02:01 GMT").status == 200
    assert get(If_Unmodified_Since="Mon, 04 May 1998 03:02:01 GMT").status == 412
    assert get(If_Modified_Since=date, If_None_Match='"x"').status == 200


def test_a_known_object_is_not_read(get, memory, monkeypatch):
    etag = get().headers["ETag"]
    requests = []
    monkeypatch.setattr(
        memory._buckets["media"], "find", _note(memory._buckets["media"].find, requests)
    )
    opened = []
    stored = memory._buckets["media"]._objects["clip.mp4"]
    monkeypatch.setattr(type(stored), "open", lambda *_: opened.append(1))

    assert get(If_None_Match=etag).status == 304
    assert (requests, opened) == (["clip.mp4"], [])


def _note(function, calls):
    def noted(key):
        calls.append(key)
        return function(key)

    return noted


def test_a_changed_object_is_sent_anew(get, put_object):
    etag = get().headers["ETag"]
    put_object("clip.mp4", b"another clip", "video/mp4")

    reply = get(If_None_Match=etag)

    assert (reply.status, reply.body) == (200, b"another clip")
    assert reply.headers["ETag"] != etag
    assert get(If_Match=etag).status == 412


def test_another_person_has_another_etag(get, admin):
    mine = get().headers["ETag"]
    theirs = get(**admin.headers).headers["ETag"]

    assert mine != theirs
    assert get(If_None_Match=mine, **admin.headers).status == 200


def test_a_part_fits_only_the_object_it_was_cut_from(get, put_object):
    first = get(Range="bytes=0-9")
    etag, date = first.headers["ETag"], first.headers["Last-Modified"]

    assert get(Range="bytes=10-19", If_Range=etag).body == DATA[10:20]
    assert get(Range="bytes=10-19", If_Range=date).body == DATA[10:20]
    assert get(Range=f"bytes={SIZE}-", If_Range=etag).status == 416

    put_object("clip.mp4", b"another clip", "video/mp4")

    for header in ("bytes=2-5", "bytes=100-"):
        reply = get(Range=header, If_Range=etag)
        assert (reply.status, reply.body) == (200, b"another clip")


# Safe content


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("page.html", "text/html"),
        ("drawing.svg", None),
        ("data.xml", "application/xml"),
        ("code.js", None),
        ("paper.pdf", None),
    ],
)
def test_what_could_run_is_sent_to_be_saved(get, put_object, project, key, kind):
    put_object(key, b"<script>alert(1)</script>", kind)

    reply = get(path=media_path("project", project.id, f"memory://media/{key}"))

    assert reply.headers["Content-Disposition"] == f'attachment; filename="{key}"'
    assert reply.headers["Content-Security-Policy"].startswith("sandbox")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_a_name_cannot_add_headers(get, put_object, project):
    key = 'a"\r\nX-Evil: 1\r\n\r\nü.mp4'
    put_object(key, b"x", "video/mp4")

    reply = get(path=media_path("project", project.id, f"memory://media/{key}"))

    assert reply.status == 200
    assert reply.headers["X-Evil"] is None
    assert "UTF-8''" in reply.headers["Content-Disposition"]


# Local files, by links of our own


@pytest.fixture
def local(app, owner, project, folder):
    """A folder connected, and a task for its one file."""
    (folder / "sub").mkdir()
    (folder / "sub" / "clip ü#1.mp4").write_bytes(DATA)
    values = {"path": str(folder), "prefix": "sub", "use_blob_urls": True}
    draft = StorageDraft(project.id, Purpose.IMPORT, "local", values)
    storage = storages.add_storage(app, owner.principal, draft)
    uri = f"local://{folder}/sub/clip ü#1.mp4"
    task = tasks.create_task(app, owner.principal, project.id, {"video": uri})
    return storage, media_path("task", task.id, uri)


@pytest.fixture
def link(server, local, auth):
    reply = server.get(local[1], auth)
    assert (reply.status, reply.body) == (303, b"")
    return reply.headers["Location"]


def test_a_local_file_is_redirected_to_a_link_that_needs_no_login(server, local, auth):
    reply = server.get(local[1], auth)
    served = server.get(reply.headers["Location"], {})

    assert reply.status == 303
    assert reply.headers["Location"].startswith("/media/")
    assert (served.status, served.body) == (200, DATA)
    assert served.headers["Content-Type"] == "video/mp4"
    assert served.headers["Vary"] == "Origin"


def test_the_redirect_is_kept_for_no_longer_than_the_link_is_good(server, local, auth):
    reply = server.get(local[1], auth)

    private, _, age = reply.headers["Cache-Control"].partition(", max-age=")
    assert private == "private"
    assert 15 * 60 - 30 < int(age) < 15 * 60


def test_a_link_takes_ranges_conditions_and_head(server, link):
    part = server.get(link, {"Range": "bytes=10-19"})
    known = server.get(link, {"If-None-Match": part.headers["ETag"]})
    head = server.get(link, {}, "HEAD")

    assert (part.status, part.body) == (206, DATA[10:20])
    assert (known.status, known.body) == (304, b"")
    assert (head.status, head.headers["Content-Length"]) == (200, str(SIZE))


def test_what_a_link_gives_is_kept_for_no_longer_than_the_link(server, link):
    age = server.get(link, {}).headers["Cache-Control"].split("max-age=")[1]

    assert int(age.partition(",")[0]) <= 15 * 60


def test_an_expired_link_is_refused(app, server, local):
    grant = MediaGrant(local[0].id, "sub/clip ü#1.mp4", int(time.time()) - 1)

    reply = server.get(f"/media/{seal_grant(app.vault, grant)}", {})

    assert reply.status == 403
    assert b"expired" in reply.body


def test_a_changed_link_is_refused(server, link):
    for place in (len("/media/") + 3, len(link) - 3):
        other = "A" if link[place] != "A" else "B"
        reply = server.get(link[:place] + other + link[place + 1 :], {})
        assert reply.status == 403
        assert b'"permission_denied"' in reply.body


def test_a_link_of_another_installation_is_refused(server, link, tmp_path, catalog):
    stranger = build_app(tmp_path / "other", catalog)
    stranger.close()
    token = seal_grant(stranger.vault, MediaGrant(1, "a", int(time.time()) + 60))

    assert server.get(f"/media/{token}", {}).status == 403


def test_a_link_ends_with_its_storage(app, owner, server, local, link):
    storages.remove_storage(app, owner.principal, local[0].id, Purpose.IMPORT)

    assert server.get(link, {}).status == 404


@pytest.mark.parametrize(
    "key", ["../out.txt", "sub/../../out.txt", "link.txt", "out.txt"]
)
def test_nothing_outside_the_folder_is_served(
    server, local, auth, project, folder, key
):
    outside = folder.parent / "out.txt"
    outside.write_text("secret")
    (folder / "sub" / "link.txt").symlink_to(outside)

    path = media_path("project", project.id, f"local://{folder}/{key}")

    assert server.get(path, auth).status == 404

"""The addresses that Label Studio gave to local files, answered as other media are."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from labeldock.contract import Purpose
from labeldock.services import projects, storages
from labeldock.services.storage_fields import StorageDraft
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.plugins import build_catalog
from tests.system.conftest import build_app
from tests.system.media_serving import serve

DATA = bytes(range(256)) * 8


@pytest.fixture
def connect_folder(app, owner, project):
    def connect(path, account=owner, project_id=None, **values):
        fields = {"path": str(path), "use_blob_urls": True, "recursive_scan": True}
        number = project_id or project.id
        draft = StorageDraft(number, Purpose.IMPORT, "local", {**fields, **values})
        return storages.add_storage(app, account.principal, draft)

    return connect


@pytest.fixture
def photos(folder):
    path = folder / "photos"
    (path / "sea").mkdir(parents=True)
    (path / "sea" / "a gull.jpg").write_bytes(DATA)
    (path / "page.html").write_text("<script>alert(1)</script>")
    return path


@pytest.fixture
def get(client, auth):
    def get_(path, headers=auth, method="GET", **more):
        address = f"/data/local-files/?d={quote(str(path), safe='')}"
        return client.request(method, address, headers={**headers, **more})

    return get_


def code(response):
    return response.status_code, response.json()["code"]


def test_a_file_is_found_below_the_allowed_folder(get, photos, connect_folder):
    connect_folder(photos)

    response = get("photos/sea/a gull.jpg")

    assert (response.status_code, response.content) == (200, DATA)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["content-length"] == str(len(DATA))
    assert "sandbox" in response.headers["content-security-policy"]


def test_ranges_conditions_and_head_work_as_for_all_media(get, photos, connect_folder):
    connect_folder(photos)
    path = "photos/sea/a gull.jpg"

    part = get(path, Range="bytes=-10")
    assert (part.status_code, part.content) == (206, DATA[-10:])
    assert get(path, Range=f"bytes={len(DATA)}-").status_code == 416
    etag = part.headers["etag"]
    assert get(path, **{"If-None-Match": f'"x", W/{etag}'}).status_code == 304
    head = get(path, method="HEAD")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(DATA)))


def test_a_page_of_the_folder_cannot_run(get, photos, connect_folder):
    connect_folder(photos)

    response = get("photos/page.html")

    assert response.headers["content-disposition"].startswith("attachment")
    assert response.headers["x-content-type-options"] == "nosniff"


def test_only_who_may_see_a_project_with_the_folder_sees_the_file(
    client, get, photos, connect_folder, stranger, admin
):
    connect_folder(photos)
    path = "photos/sea/a gull.jpg"

    assert client.get(f"/data/local-files/?d={path}").status_code == 401
    assert code(get(path, stranger.headers)) == (404, "not_found")
    assert get(path, admin.headers).status_code == 200


def test_each_sees_it_by_a_project_of_their_own(
    app, get, photos, connect_folder, stranger
):
    connect_folder(photos)
    theirs = projects.create_project(app, stranger.principal, {"title": "Theirs"})
    connect_folder(photos / "sea", stranger, theirs.id)

    assert get("photos/sea/a gull.jpg", stranger.headers).content == DATA
    assert get("photos/page.html", stranger.headers).status_code == 404


def test_a_folder_next_to_it_with_a_longer_name_is_another(
    get, folder, photos, connect_folder
):
    (folder / "photos-private").mkdir()
    (folder / "photos-private" / "x.jpg").write_bytes(b"private")
    connect_folder(photos)

    assert code(get("photos-private/x.jpg")) == (404, "not_found")


def test_the_prefix_of_the_storage_is_a_boundary(get, photos, connect_folder):
    connect_folder(photos, prefix="sea")

    assert get("photos/sea/a gull.jpg").status_code == 200
    assert get("photos/page.html").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "photos/../../secret.txt",
        "photos/../photos/../../secret.txt",
        "/etc/passwd",
        "photos/sea/../../../../../etc/passwd",
        "photos",
        "photos/",
        ".",
        "photos/none.jpg",
        "photos/link.txt",
        "photos\\sea",
    ],
)
def test_nothing_else_is_found(get, folder, photos, connect_folder, path):
    (folder.parent / "secret.txt").write_text("secret")
    (photos / "link.txt").symlink_to(folder.parent / "secret.txt")
    connect_folder(photos)

    response = get(path)

    assert response.status_code == 404
    assert "secret" not in response.text
    assert str(folder) not in response.text


@pytest.mark.parametrize("query", ["", "?d=", "?d=%00", f"?d={'x' * 5000}"])
def test_what_is_no_path_is_told_as_one(client, auth, query):
    response = client.get(f"/data/local-files/{query}", headers=auth)

    assert code(response) == (400, "invalid_input")


def test_without_the_provider_there_are_no_local_files(home, auth):
    app = build_app(home, build_catalog(MemoryProvider()))
    with serve(app) as server:
        reply = server.get("/data/local-files?d=a.jpg", auth)
    app.close()

    assert reply.status == 404


def test_a_path_within_the_folder_may_take_turns(get, photos, connect_folder):
    connect_folder(photos)

    assert get("photos/sea/../sea/./a gull.jpg").content == DATA
    assert get("/photos//sea/a gull.jpg").content == DATA

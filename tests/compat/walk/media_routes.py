"""2.6: where media is had."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

from tests.compat.walk.lines import line

KEY = "photos/a.jpg"


def encode(uri):
    return base64.urlsafe_b64encode(uri.encode()).decode()


def import_picture(world, **more):
    """A project with a task that was made of a picture, and the task."""
    project = world.make_project()
    made = world.make_storage(project, **more)
    world.post(f"/api/storages/s3/{made['id']}/sync", status=200)
    world.wait("/api/storages/s3", made["id"])
    (task,) = world.get("/api/tasks/", project=project)["tasks"]
    return project, task


def fetch(world, path):
    return world.client.get(path, params={"fileuri": encode(f"s3://birds/{KEY}")})


@line("2.6", "a task's data leads to /tasks/N/resolve/, with the URI in base64url")
def resolved(world):
    _, task = import_picture(world)
    (address,) = task["data"].values()
    place = f"/tasks/{task['id']}/resolve/?fileuri={encode(f's3://birds/{KEY}')}"
    assert address.endswith(place)
    raw = world.get(f"/api/tasks/{task['id']}/", resolve_uri="false")
    assert list(raw["data"].values()) == [f"s3://birds/{KEY}"]


@line("2.6", "that, and /presign/, redirect to the bucket: 303")
def redirect(world):
    project, task = import_picture(world)
    for name in ("resolve", "presign"):
        for owner in (f"tasks/{task['id']}", f"projects/{project}"):
            answer = fetch(world, f"/{owner}/{name}/")
            assert answer.status_code == 303
            assert answer.headers["Location"].startswith(world.s3["s3_endpoint"])


@line("2.6", "without presign the bytes come from here")
def proxied(world):
    project, task = import_picture(world, presign=False)
    for owner in (f"tasks/{task['id']}", f"projects/{project}"):
        answer = fetch(world, f"/{owner}/resolve/")
        assert (answer.status_code, answer.content) == (200, b"bytes")


@line("2.6", "no URI is 400, somebody unknown 401, something unknown 404")
def refused(world):
    _, task = import_picture(world)
    path = f"/tasks/{task['id']}/resolve/"
    assert world.client.get(path).status_code == 400
    with world.open({}) as nobody:
        assert nobody.get(path, params={"fileuri": "eA"}).status_code == 401
    assert fetch(world, "/tasks/999999/resolve/").status_code == 404


@line("2.6", "files of a folder are had at /data/local-files/?d=")
def local_files(world):
    project = world.make_project()
    made = world.make_storage(project, "localfiles")
    world.post(f"/api/storages/localfiles/{made['id']}/sync", status=200)
    world.wait("/api/storages/localfiles", made["id"])
    (task,) = world.get("/api/tasks/", project=project)["tasks"]
    (address,) = task["data"].values()
    signed = world.client.get(address).headers["Location"]
    place = Path(made["path"]).relative_to(world.service.folder) / "a.jpg"
    for path in (signed, f"/data/local-files/?d={quote(str(place))}"):
        answer = world.client.get(path)
        assert (answer.status_code, answer.content) == (200, b"bytes")
    assert world.client.get("/data/local-files/").status_code in {400, 403}
    away = world.client.get("/data/local-files/", params={"d": "../../etc/passwd"})
    assert away.status_code in {400, 403, 404}

"""2.3 and 2.5: what is in a storage's answers, and what goes wrong."""

from __future__ import annotations

import re

from tests.compat.walk.lines import elsewhere, line, split
from tests.compat.walk.world import KEYS

COMMON = split("""
    id type title description project created_at synchronizable last_sync
    last_sync_count last_sync_job status traceback meta regex_filter
    use_blob_urls
""")
IMPORT = split("""
    prefix presign presign_ttl recursive_scan
""")
OF_S3 = split("""
    bucket aws_sse_kms_key_id region_name s3_endpoint
""")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
SPACED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00:00")
LOCAL = "/api/storages/localfiles"


@line("2.3", "an import storage of Google has these fields, of these types")
def gcs_fields(world):
    schema = world.get("/api/schema")
    shown = schema["paths"]["/api/storages/gcs/{id}"]["get"]["responses"]["200"]
    name = shown["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    fields = schema["components"]["schemas"][name]["properties"]
    assert COMMON | IMPORT | {"bucket", "google_project_id"} <= fields.keys()
    assert "google_application_credentials" not in fields


@line("2.3", "a new storage has every field that clients read")
def s3_fields(world):
    made = world.make_storage(world.make_project())
    assert made.keys() >= COMMON | IMPORT | OF_S3
    assert (made["type"], made["status"], made["meta"]) == ("s3", "initialized", {})
    assert made["last_sync"] is made["last_sync_count"] is made["traceback"] is None
    assert TIME.fullmatch(made["created_at"])
    assert all(type(made[name]) is int for name in ("id", "project", "presign_ttl"))


@line("2.3", "presign_ttl is 15 minutes", differs="`presign_ttl` is 1 minute")
def presign_ttl(world):
    assert world.make_storage(world.make_project())["presign_ttl"] == 15


@line("2.3", "a sync leaves its time, its count, its status and when it did what")
def after_sync(world):
    made = world.make_storage(world.make_project())
    world.post(f"/api/storages/s3/{made['id']}/sync", status=200)
    ended = world.wait("/api/storages/s3", made["id"])
    assert (ended["status"], ended["last_sync_count"]) == ("completed", 1)
    assert TIME.fullmatch(ended["last_sync"])
    meta = ended["meta"]
    for name in ("queued", "in_progress", "last_ping", "completed"):
        assert SPACED.fullmatch(meta[f"time_{name}"]), name
    assert meta["duration"] >= 0
    assert (meta["attempts"], meta["tasks_existed"]) == (1, 0)


@line("2.3", "Azure's have `container`, folders `path`")
def own_fields(world):
    schema = world.get("/api/schema")["components"]["schemas"]
    assert any("container" in each.get("properties", ()) for each in schema.values())
    made = world.make_storage(world.make_project(), "localfiles")
    assert {"path", "recursive_scan"} <= made.keys()


@line("2.3", "an export storage has its own fields, and says how many it wrote")
def export_fields(world):
    project = world.make_project()
    world.make_annotation(world.make_task(project))
    made = world.make_storage(project, export=True, prefix=f"out/{project}")
    assert COMMON | OF_S3 | {"prefix", "can_delete_objects"} <= made.keys()
    ended = world.wait("/api/storages/export/s3", made["id"])
    assert ended["meta"]["total_annotations"] == ended["last_sync_count"] == 1


@line("2.3", "secrets are in no answer, not even by name")
def secrets(world):
    project = world.make_project()
    made = world.make_storage(project)
    path = f"/api/storages/s3/{made['id']}"
    title = {"title": "Other"}
    for shown in (
        made,
        world.get(path),
        world.patch(path, title),
        *world.get("/api/storages/s3", project=project),
        *world.get("/api/storages", project=project),
        world.post(f"{path}/sync", status=200),
    ):
        assert not {*KEYS, "aws_session_token"} & shown.keys()
        assert KEYS["aws_secret_access_key"] not in str(shown)


# 2.5: what goes wrong


def refuse(world, field, kind="s3", **changes):
    """What is refused both when it is saved and when it is checked, by field."""
    body = {"project": world.make_project(), **world.s3, **changes}
    for path in (f"/api/storages/{kind}", f"/api/storages/{kind}/validate"):
        told = world.post(path, body, 400)
        assert list(told["validation_errors"]) == [field], told


@line("2.5", "no project: 400 under `project`")
def no_project(world):
    refuse(world, "project", project=None)
    refuse(world, "project", project=999999)


@line("2.5", "no such bucket: 400", differs="under `non_field_errors`")
def no_bucket(world):
    refuse(world, "bucket", bucket="there-is-none")


elsewhere(
    "2.5",
    "credentials that are refused: 400 with what to do",
    "tests/plugins/s3/test_validation.py",
    "test_a_wrong_key_is_told_from_a_wrong_secret",
)


@line("2.5", "nothing below the prefix: 400")
def empty_prefix(world):
    refuse(world, "prefix", prefix="nothing/is/here")


@line(
    "2.5",
    "an endpoint that nobody answers at, or that is none: 400",
    differs="500 when a bucket cannot be reached",
)
def bad_endpoint(world):
    refuse(world, "s3_endpoint", s3_endpoint="http://127.0.0.1:9")
    refuse(world, "s3_endpoint", s3_endpoint="notaurl")


elsewhere(
    "2.5",
    "an address where requests may not go: 403 or 400, with a text that says so",
    "tests/core/services/test_egress.py",
    "test_inner_hosts_are_refused_where_there_is_a_broker",
)


@line("2.5", "Google and Azure: 400 with a text for whatever is wrong")
def other_clouds(world):
    name = "google_application_credentials"
    refuse(world, name, "gcs", bucket="birds", **{name: "{"})
    refuse(
        world, "azure_endpoint", "azure", container="birds", azure_endpoint="notaurl"
    )


@line("2.5", "Redis is not here", differs="The types `redis`, `s3s`")
def redis(world):
    world.post("/api/storages/redis", {"project": world.make_project()}, 404)


@line("2.5", "a failure during a sync is a status of the storage")
def failed_sync(world):
    made = world.make_storage(world.make_project(), "localfiles")
    path = made["path"]
    world.service.folder.joinpath(path, "a.jpg").unlink()
    world.service.folder.joinpath(path).rmdir()
    world.ask("POST", f"{LOCAL}/{made['id']}/sync", 200)
    ended = world.wait(LOCAL, made["id"])
    assert (ended["status"], bool(ended["traceback"])) == ("failed", True)


elsewhere(
    "2.5",
    "a sync that nobody works on any more is noticed when storages are listed",
    "tests/core/services/test_leases.py",
    "test_listing_storages_notices_a_lost_run",
)


@line("2.5", "a storage that is deleted leaves its tasks: 204", differs="null once")
def delete_storage(world):
    project = world.make_project()
    made = world.make_storage(project, "localfiles")
    world.ask("POST", f"{LOCAL}/{made['id']}/sync")
    world.wait(LOCAL, made["id"])
    world.delete(f"{LOCAL}/{made['id']}")
    (task,) = world.get("/api/tasks/", project=project)["tasks"]
    assert task["storage_filename"] == "a.jpg"

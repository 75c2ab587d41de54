"""2.2 and 2.4: the routes of storages, and the layout of their forms."""

from __future__ import annotations

from tests.compat.walk.lines import elsewhere, line
from tests.compat.walk.world import PROVIDERS

BASES = ("/api/storages/localfiles", "/api/storages/export/localfiles")


@line("2.2", "every import storage of a project is in one plain list")
def list_all(world):
    project = world.make_project()
    made = [world.make_storage(project, kind)["id"] for kind in ("s3", "localfiles")]
    listed = world.get("/api/storages/", project=project)
    assert sorted(each["id"] for each in listed) == sorted(made)
    assert {each["type"] for each in listed} == {"s3", "localfiles"}


@line("2.2", "that list is empty without a project, or for one that is not there")
def list_none(world):
    for path in ("/api/storages/", "/api/storages/export"):
        assert world.get(path) == []
        assert world.get(path, project=999999) == []


@line("2.2", "the same for export storages")
def list_all_exports(world):
    project = world.make_project()
    made = world.make_storage(project, "localfiles", export=True)
    (listed,) = world.get("/api/storages/export", project=project)
    assert (listed["id"], listed["type"]) == (made["id"], "localfiles")


@line("2.2", "the types are told by name and title", differs="five, with `redis`")
def types(world):
    for path in ("/api/storages/types", "/api/storages/export/types"):
        found = world.get(path)
        assert {each["name"] for each in found} == set(PROVIDERS)
        assert all(set(each) == {"name", "title"} and each["title"] for each in found)


@line("2.2", "the storages of a type are a plain list, whatever ordering is asked for")
def list_of_type(world):
    project = world.make_project()
    made = world.make_storage(project)
    world.make_storage(project, "localfiles")
    listed = world.get("/api/storages/s3/", project=project, ordering="-id")
    assert [each["id"] for each in listed] == [made["id"]]
    for kind in ("gcs", "azure"):
        assert world.get(f"/api/storages/{kind}/", project=project) == []


@line("2.2", "that list needs a project: 400")
def list_without_project(world):
    for kind in PROVIDERS:
        for path in (f"/api/storages/{kind}/", f"/api/storages/export/{kind}"):
            told = world.get(path, 400)
            assert 'query parameter "project" is required' in str(told)


@line("2.2", "and one that is there: 404 as JSON")
def list_of_missing_project(world):
    for kind in PROVIDERS:
        told = world.get(f"/api/storages/{kind}/", 404, project=999999)
        assert told["status_code"] == 404


@line("2.2", "POST connects a storage: 201, once it was looked at")
def create(world):
    project = world.make_project()
    made = world.make_storage(project, title="Photos")
    assert (made["title"], made["project"], made["type"]) == ("Photos", project, "s3")
    world.make_storage(project, status=400, bucket="there-is-none")
    assert len(world.get("/api/storages/s3/", project=project)) == 1


@line("2.2", "a storage is read, changed in part or in whole, and disconnected")
def one_storage(world):
    project = world.make_project()
    for base in BASES:
        made = world.make_storage(project, "localfiles", export="export" in base)
        path = f"{base}/{made['id']}"
        assert world.get(path)["id"] == made["id"]
        assert world.patch(path, {"title": "One"})["title"] == "One"
        whole = {"project": project, "path": made["path"], "title": "Two"}
        assert world.ask("PUT", path, json=whole)["title"] == "Two"
        assert world.delete(path) is None
        world.get(path, 404)


@line("2.2", "a sync answers 200 with the storage", differs="a sync is done inside")
def sync(world):
    project = world.make_project()
    for base in BASES:
        made = world.make_storage(project, "localfiles", export="export" in base)
        world.wait(base, made["id"]) if "export" in base else None
        synced = world.post(f"{base}/{made['id']}/sync", status=200)
        assert synced["id"] == made["id"]
        assert synced["status"] in {"queued", "in_progress", "completed"}


@line("2.2", "a storage that is not to be synced says so under `message`: 400")
def refuse_sync(world):
    made = world.make_storage(world.make_project(), synchronizable=False)
    told = world.post(f"/api/storages/s3/{made['id']}/sync", status=400)
    assert "not synchronizable" in told["message"]


@line("2.2", "validate is 200 without a body")
def validate(world):
    project = world.make_project()
    for path in ("/api/storages/s3/validate", "/api/storages/export/s3/validate"):
        own = {**world.s3, "prefix": "photos", "use_blob_urls": True}
        answer = world.client.post(path, json={"project": project, **own})
        assert (answer.status_code, answer.content) == (200, b"")


@line("2.2", "validate is 400 for what cannot be used, and saves nothing")
def refuse_validate(world):
    project = world.make_project()
    body = {"project": project, **world.s3, "bucket": "there-is-none"}
    told = world.post("/api/storages/s3/validate", body, 400)
    assert told["validation_errors"]
    assert world.get("/api/storages/", project=project) == []


@line(
    "2.2",
    "validate and files with an id save nothing, and keep what is left out",
    differs="`validate` and `files` with an `id` save what they were sent",
)
def validate_saved(world):
    project = world.make_project()
    made = world.make_storage(project)
    body = {"id": made["id"], "project": project, "prefix": "photos", "title": "X"}
    world.post("/api/storages/s3/validate", body, 200)
    assert world.post("/api/storages/s3/files", body, 200)["files"]
    assert world.get(f"/api/storages/s3/{made['id']}") == made


@line("2.2", "every type has a form, for import and for export")
def forms(world):
    for kind in PROVIDERS:
        assert world.get(f"/api/storages/{kind}/form")
        assert world.get(f"/api/storages/export/{kind}/form")


@line("2.2", "files lists the first objects: key, time, size")
def files(world):
    project = world.make_project()
    body = {"project": project, **world.s3, "prefix": "photos"}
    (found,) = world.post("/api/storages/s3/files", body, 200)["files"]
    assert found["key"] == "photos/a.jpg"
    assert found["size"] == len(b"bytes")
    assert found["last_modified"]


@line("2.2", "files stops at the limit, and ends in an entry without a key")
def files_limit(world):
    path = world.make_folder(a_jpg="1", b_jpg="2", c_jpg="3")
    body = {"project": world.make_project(), "path": path, "limit": "2"}
    found = world.post("/api/storages/localfiles/files", body, 200)["files"]
    assert [each["key"] for each in found] == ["a.jpg", "b.jpg", None]
    assert found[-1] == {"key": None, "last_modified": None, "size": None}


@line(
    "2.2",
    "a limit that is no number is 400, and none at all is the usual one",
    differs="`limit` of `files`",
)
def files_odd_limit(world):
    path = world.make_folder(a_jpg="1", b_jpg="2")
    body = {"project": world.make_project(), "path": path}
    told = world.post("/api/storages/localfiles/files", {**body, "limit": "x"}, 400)
    assert list(told["validation_errors"]) == ["limit"]
    found = world.post("/api/storages/localfiles/files", {**body, "limit": 0}, 200)
    assert len(found["files"]) == 2


elsewhere(
    "2.2",
    "a listing that takes too long ends in an entry that says so",
    "tests/system/test_api_storage_previews.py",
    "test_a_listing_that_takes_too_long_says_so",
)


@line("2.2", "what cannot be listed is an error of the client's: 400")
def files_missing(world):
    body = {"project": world.make_project(), **world.s3, "bucket": "there-is-none"}
    world.post("/api/storages/s3/files", body, 400)


@line("2.2", "there is no files for export")
def no_export_files(world):
    body = {"project": world.make_project(), **world.s3}
    world.post("/api/storages/export/s3/files", body, 404)


@line("2.2", "a new export storage is synced at once")
def export_on_create(world):
    project = world.make_project()
    world.make_annotation(world.make_task(project))
    made = world.make_storage(project, "localfiles", export=True)
    ended = world.wait(BASES[1], made["id"])
    assert (ended["status"], ended["last_sync_count"]) == ("completed", 1)


@line(
    "2.2",
    "links, earlier syncs, errors, cancelling and dry runs have routes of their own",
    differs="`/api/runs/N/errors`",
)
def runs(world):
    made = world.make_storage(world.make_project(), "localfiles")
    base = f"{BASES[0]}/{made['id']}"
    number = world.post(f"{base}/sync", status=200)["last_sync_job"]
    world.wait(BASES[0], made["id"])
    assert world.get(f"/api/runs/{number}")["state"] == "completed"
    assert world.get(f"/api/runs/{number}/errors") == []
    assert [run["id"] for run in world.get(f"{base}/runs")] == [int(number)]
    assert world.get(f"{base}/objects")


@line(
    "2.2",
    "types that are not installed are a 404 as JSON",
    differs="The types `redis`, `s3s`, `gcswif`",
)
def other_types(world):
    for kind in ("redis", "s3s", "gcswif", "gcs_sa", "azure_spi", "databricks"):
        for path in (f"/api/storages/{kind}", f"/api/storages/export/{kind}/1"):
            assert world.get(path, 404)["status_code"] == 404


# 2.4: forms


def list_fields(form):
    for row in form:
        assert isinstance(row["columnCount"], int)
        yield from filter(None, row["fields"])


@line("2.4", "a form is rows of fields, each with its number of columns")
def rows(world):
    for kind in PROVIDERS:
        names = [each["name"] for each in list_fields(form_of(world, kind))]
        assert len(set(names)) == len(names)
        assert {"title", "regex_filter", "use_blob_urls"} <= set(names)


def form_of(world, kind):
    return world.get(f"/api/storages/{kind}/form")


@line("2.4", "a field has a type that pages know, a name, a label, and its rules")
def fields(world):
    known = {"text", "password", "select", "toggle", "counter"}
    for kind in PROVIDERS:
        for field in list_fields(form_of(world, kind)):
            assert field["type"] in known
            assert field["label"]
            assert isinstance(field["required"], bool)
            assert isinstance(field["allowEmpty"], bool)


@line("2.4", "selects have options, counters a least number, defaults are filled in")
def field_values(world):
    by_name = {each["name"]: each for each in list_fields(form_of(world, "s3"))}
    for option in by_name["use_blob_urls"]["options"]:
        assert {"value", "label"} <= option.keys()
    assert by_name["presign_ttl"]["min"] >= 0
    assert by_name["presign_ttl"]["value"] == 15


@line("2.4", "secrets are password fields that browsers do not fill in")
def secret_fields(world):
    by_name = {each["name"]: each for each in list_fields(form_of(world, "s3"))}
    secret = by_name["aws_secret_access_key"]
    assert (secret["type"], secret["protectedValue"]) == ("password", True)
    assert secret["skipAutofill"]
    assert secret["autoComplete"] == "new-password"


@line("2.4", "how files are taken is a select that has to be answered: true or false")
def method_field(world):
    by_name = {each["name"]: each for each in list_fields(form_of(world, "gcs"))}
    field = by_name["use_blob_urls"]
    assert (field["type"], field["required"]) == ("select", True)
    assert [option["value"] for option in field["options"]] == [True, False]


@line("2.4", "keys may be left empty, for identities that come from the surroundings")
def empty_keys(world):
    by_name = {each["name"]: each for each in list_fields(form_of(world, "s3"))}
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        assert by_name[name]["allowEmpty"]


@line("2.4", "empty cells, footers, tooltips, patterns, dependencies", differs="forms")
def left_out(world):
    for field in list_fields(form_of(world, "s3")):
        assert not {"footer", "tooltip", "validators", "dependency"} & field.keys()

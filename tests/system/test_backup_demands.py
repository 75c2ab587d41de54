"""What was asked of lightweight backups elsewhere, demand by demand, R1 to R31.

Those that are about making backups, requests and names; see docs/explanation/backups.md
for those that do not apply here.
"""

from __future__ import annotations

import io
import json
import zipfile
from urllib.parse import parse_qs

import pytest

from labeldock.contract import Purpose
from labeldock.db.tables import Run
from labeldock.services.backups import kinds
from labeldock.services.backups.jobs import read_job
from labeldock.services.working import run_until_done


@pytest.fixture
def backups(app, client, auth, project, connect, sync, put_object):
    return Backups(app, client, auth, project.id, (connect, sync, put_object))


class Backups:
    """Backups of a project, by way of the API alone."""

    def __init__(self, app, client, auth, project, bucket):
        self.app, self.client, self.auth, self.project = app, client, auth, project
        self._connect, self._sync, self._put = bucket

    def fill(self, count=2):
        for number in range(count):
            self._put(f"{number}.jpg", b"picture %d" % number)
        self._sync(self._connect())

    def post(self, query="", target="projects", number=None, **more):
        path = f"/api/{target}/{number or self.project}/backup/export{query}"
        return self.client.post(path, headers=self.auth, **more)

    def get(self, path, **headers):
        return self.client.get(path, headers={**self.auth, **headers})

    def show(self, rq_id):
        return self.get(f"/api/requests/{rq_id}").json()

    def work(self, answer):
        """Do what was asked for; the request afterwards."""
        assert answer.status_code == 202, answer.text
        request = self.show(answer.json()["rq_id"])
        run_until_done(self.app, request["run"], owner="test")
        return self.show(request["id"])

    def make(self, query="", **more):
        """The request, and the archive that its result leads to."""
        request = self.work(self.post(query, **more))
        assert request["status"] == "finished", request
        return request, self.download(request)

    def download(self, request):
        answer = self.get(request["result_url"])
        assert answer.status_code == 200
        return zipfile.ZipFile(io.BytesIO(answer.content))


def read_kind(archive):
    return json.loads(archive.read("manifest.json"))["kind"]


def test_r1_left_out_is_full(backups):
    backups.fill()

    request, archive = backups.make()

    assert request["operation"]["lightweight"] is False
    assert read_kind(archive) == "full"
    assert sum(name.startswith("media/") for name in archive.namelist()) == 2


def test_r2_work_that_an_older_version_queued_is_full(backups):
    backups.fill()
    request = backups.show(backups.post("?lightweight=true").json()["rq_id"])
    with backups.app.database.write() as session:
        session.get_one(Run, request["run"]).options = {}

    run_until_done(backups.app, request["run"], owner="test")

    shown = backups.show(request["id"])
    assert shown["operation"]["lightweight"] is False
    assert read_kind(backups.download(shown)) == "full"


def test_r3_r4_the_kind_is_decided_in_one_place():
    assert kinds.read_lightweight(None) is kinds.DEFAULT is False
    assert read_job(1, 2, {}).lightweight is kinds.DEFAULT


@pytest.mark.parametrize("part", ["projects", "tasks"])
def test_r5_the_schema_has_the_default_of_the_code(backups, part):
    schema = backups.get("/api/schema/").json()
    operation = schema["paths"][f"/api/{part}/{{id}}/backup/export"]["post"]
    told = {each["name"]: each for each in operation["parameters"]}["lightweight"]

    assert told["schema"]["default"] is kinds.DEFAULT
    assert told.get("required", False) is False
    assert "bucket" in told["description"]  # R7: it says what lightweight means


@pytest.mark.parametrize("value", ["yes", "1", "2", "null", "lightweight"])
def test_a_kind_that_is_no_truth_value_is_refused(backups, value):
    answer = backups.post(f"?lightweight={value}")

    assert answer.status_code == 400
    assert "lightweight" in answer.json()["validation_errors"]


def test_r8_without_cloud_media_it_is_full_under_the_name_of_full(backups, task):
    request, archive = backups.make("?lightweight=true")

    assert request["id"] == (
        f"action=export&target=project&target_id={backups.project}&user_id=2"
        "&subresource=backup"
    )
    assert "full backup" in request["message"]
    assert "lightweight" not in request["filename"]
    assert read_kind(archive) == "full"


def test_r9_both_kinds_stay_visible_and_downloadable(backups):
    backups.fill()

    full, _ = backups.make()
    light, _ = backups.make("?lightweight=true")

    listed = backups.get("/api/requests").json()["results"]
    assert [each["id"] for each in listed] == [light["id"], full["id"]]
    assert parse_qs(light["id"]) == {**parse_qs(full["id"]), "lightweight": ["True"]}
    assert full["filename"] != light["filename"]
    assert read_kind(backups.download(full)) == "full"
    assert read_kind(backups.download(light)) == "lightweight"


def test_r10_requests_tell_the_kinds_apart(backups):
    backups.fill()
    backups.make()
    backups.make("?lightweight=true")

    shown = [
        (each["operation"]["title"], each["operation"]["lightweight"])
        for each in backups.get("/api/requests").json()["results"]
    ]

    assert shown == [("Lightweight backup", True), ("Full backup", False)]


def test_r20_the_api_says_where_the_kinds_do_not_differ(backups):
    path = f"/api/projects/{backups.project}/backup/kinds"

    assert backups.get(path).json() == {"lightweight_differs": False}
    backups.fill()
    assert backups.get(path).json() == {"lightweight_differs": True}


def test_r23_files_are_named_lightweight_in_one_word(backups):
    backups.fill()

    request, _ = backups.make("?lightweight=true")

    assert request["filename"].startswith("project_birds_backup-lightweight_")


def test_r27_a_filename_without_a_kind_is_full(backups):
    backups.fill()

    request, archive = backups.make("?filename=mine.zip")

    assert request["filename"] == "mine.zip"
    assert read_kind(archive) == "full"


# Requests


def test_the_same_request_twice_is_refused_with_its_id(backups):
    backups.fill()
    first = backups.post().json()

    second = backups.post()

    assert second.status_code == 409
    assert second.json()["rq_id"] == first["rq_id"]
    assert backups.post("?lightweight=true").status_code == 202


def test_a_request_can_be_cancelled_once(backups):
    backups.fill()
    rq_id = backups.post().json()["rq_id"]
    path = f"/api/requests/{rq_id}/cancel"

    first, second = (backups.client.post(path, headers=backups.auth) for _ in "12")

    assert (first.status_code, first.json()["status"]) == (200, "failed")
    assert "owner@example.org" in first.json()["message"]
    assert second.status_code == 409


def test_others_see_neither_request_nor_archive(backups, stranger):
    backups.fill()
    request, _ = backups.make()

    for path in (f"/api/requests/{request['id']}", request["result_url"]):
        answer = backups.client.get(path, headers=stranger.headers)
        assert answer.status_code in {403, 404}
    export = f"/api/projects/{backups.project}/backup/export"
    assert backups.client.post(export, headers=stranger.headers).status_code in (
        403,
        404,
    )
    assert (
        backups.client.get("/api/requests", headers=stranger.headers).json()["count"]
        == 0
    )


def test_a_backup_that_is_not_finished_cannot_be_downloaded(backups):
    rq_id = backups.post().json()["rq_id"]
    path = f"/api/projects/{backups.project}/backup/download"

    assert (
        backups.client.get(
            path, params={"rq_id": rq_id}, headers=backups.auth
        ).status_code
        == 400
    )
    assert backups.get(f"{path}?rq_id=nothing").status_code == 404


def test_a_download_can_be_resumed(backups):
    backups.fill()
    request, _ = backups.make()
    whole = backups.get(request["result_url"])
    half = len(whole.content) // 2

    rest = backups.get(
        request["result_url"],
        **{"Range": f"bytes={half}-", "If-Range": whole.headers["etag"]},
    )
    other = backups.get(
        request["result_url"], **{"Range": f"bytes={half}-", "If-Range": '"other"'}
    )

    assert rest.status_code == 206
    assert whole.content[:half] + rest.content == whole.content
    assert (other.status_code, other.content) == (200, whole.content)
    assert whole.headers["content-disposition"].startswith("attachment")


def test_each_download_is_in_the_log_of_its_project_also_one_in_parts(
    backups, task, put_object
):
    backups.fill()
    put_object("gull.jpg", b"a gull")
    whole = backups.work(backups.post())
    single = backups.work(backups.post(target="tasks", number=task.id))
    for request in (whole, single):
        backups.get(request["result_url"], Range="bytes=0-")

    chosen = {"project": backups.project, "action": "backup.download"}
    told = backups.client.get("/api/audit", params=chosen, headers=backups.auth)

    known = {entry["target_id"] for entry in told.json()["results"]}
    assert known == {whole["id"], single["id"]}


def test_a_backup_of_one_task_is_a_request_of_its_own(backups, task, put_object):
    backups.fill()
    put_object("gull.jpg", b"a gull")

    request, archive = backups.make(target="tasks", number=task.id)

    assert request["operation"]["task_id"] == task.id
    assert json.loads(archive.read("manifest.json"))["scope"] == "task"
    assert request["result_url"].startswith(f"/api/tasks/{task.id}/backup/download")


def test_a_backup_goes_to_a_bucket(backups, connect, memory):
    backups.fill()
    target = connect(Purpose.EXPORT, prefix="archives", export_on_save=False)
    query = f"?location=cloud_storage&cloud_storage_id={target.id}&filename=a/b.zip"

    request = backups.work(backups.post(query))

    assert request["status"] == "finished", request
    assert (request["result_url"], request["result_key"]) == (None, "archives/a/b.zip")
    stored = memory._buckets["media"].find("archives/a/b.zip").data
    assert read_kind(zipfile.ZipFile(io.BytesIO(stored))) == "full"
    path = f"/api/projects/{backups.project}/backup/download"
    answer = backups.client.get(
        path, params={"rq_id": request["id"]}, headers=backups.auth
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?location=cloud_storage", "cloud_storage_id"),
        ("?location=cloud_storage&cloud_storage_id=999", "cloud_storage_id"),
        ("?location=elsewhere", "location"),
        ("?cloud_storage_id=1", "location"),
        ("?filename=../x.zip", "filename"),
        ("?filename=a/b.zip", "filename"),
    ],
)
def test_a_place_or_name_that_cannot_be_is_refused(backups, query, field):
    answer = backups.post(query)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [field]

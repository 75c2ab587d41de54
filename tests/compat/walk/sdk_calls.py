"""2.7: what the SDK calls, and what it needs back; the SDK itself is run beside it."""

from __future__ import annotations

import json

from tests.compat.walk.lines import elsewhere, line, split
from tests.compat.walk.world import LABELS, RESULT

PROJECT = split("""
    id title description label_config expert_instruction show_instruction
    show_skip_button enable_empty_annotation show_annotation_history
    organization color maximum_annotations is_published model_version is_draft
    created_by created_at min_annotations_to_start_training
    start_training_on_annotation_update show_collab_predictions
    num_tasks_with_annotations task_number useful_annotation_number
    ground_truth_number skipped_annotations_number total_annotations_number
    total_predictions_number sampling show_ground_truth_first
    annotator_evaluation_enabled show_overlap_first overlap_cohort_percentage
    task_data_login task_data_password control_weights parsed_label_config
    evaluate_predictions_automatically config_has_control_tags skip_queue
    reveal_preannotations_interactively pinned_at finished_task_number
    queue_total queue_done config_suitable_for_bulk_annotation state
""")
TASK = split("""
    id predictions annotations drafts annotators inner_id cancelled_annotations
    total_annotations total_predictions completed_at annotations_results
    predictions_results predictions_score file_upload storage_filename
    annotations_ids predictions_model_versions avg_lead_time draft_exists
    updated_by data meta created_at updated_at is_labeled overlap comment_count
    unresolved_comment_count last_comment_updated_at project comment_authors
""")
ANNOTATION = split("""
    id result created_username created_ago completed_by was_cancelled
    ground_truth created_at updated_at draft_created_at lead_time import_id
    last_action bulk_created task project updated_by parent_prediction
    parent_annotation last_created_by
""")
PREDICTION = split("""
    id result model_version created_ago score cluster neighbors mislabeling
    created_at updated_at model model_run task project
""")
NEWEST = "tests/compat/test_newest_sdk.py"
OLDER = "tests/compat/test_older_sdks.py"
SDK_LINES = {
    "storages: list_types": (NEWEST, "test_the_types_are_the_installed_providers"),
    "storages: list, create, validate, get, update, delete, sync; folders": (
        NEWEST, "test_folders_are_connected_synced_and_written_to",
    ),
    "storages: the same for buckets": (
        NEWEST, "test_buckets_are_connected_synced_and_written_to",
    ),
    "projects: list, create, get, update, delete, validate_label_config": (
        NEWEST, "test_projects_are_made_listed_changed_and_deleted",
    ),
    "projects: import_tasks": (
        NEWEST, "test_tasks_are_imported_with_annotations_and_predictions",
    ),
    "projects: exports": (NEWEST, "test_all_tasks_are_exported_as_json"),
    "tasks: list, create, get, update, delete, delete_all_tasks": (
        NEWEST, "test_tasks_are_made_listed_changed_and_deleted",
    ),
    "annotations: list, create, get, update, delete": (
        NEWEST, "test_annotations_are_made_listed_changed_and_deleted",
    ),
    "predictions: list, create, get, update, delete": (
        NEWEST, "test_predictions_are_made_listed_changed_and_deleted",
    ),
    "versions, whoami, users.list": (NEWEST, "test_versions_and_users_are_told"),
    "webhooks, views, actions, snapshots: as a script has them": (
        "tests/compat/test_peer.py",
        "test_the_script_gets_what_label_studio_gives_but_for_what_is_listed",
    ),
}  # fmt: skip
for words, place in SDK_LINES.items():
    elsewhere("2.7", f"the SDK's {words}", *place)


@line("2.7", "projects come in pages: count, next, previous, results; 404 past the end")
def project_pages(world):
    for _ in range(2):
        world.make_project()
    first = world.get("/api/projects/", page=1, page_size=1)
    assert first.keys() >= {"count", "next", "previous", "results"}
    assert (len(first["results"]), first["previous"]) == (1, None)
    assert "page=2" in first["next"]
    assert world.get("/api/projects/", 404, page=10**6)["detail"] == "Invalid page."


@line("2.7", "a page holds 30 projects unless asked for more")
def project_page_size(world):
    for _ in range(31):
        world.make_project()
    assert len(world.get("/api/projects/")["results"]) == 30
    assert len(world.get("/api/projects/", page_size=31)["results"]) == 31


@line("2.7", "a title has 3 to 50 characters, and may be given twice")
def titles(world):
    for title in ("ab", "x" * 51):
        told = world.post("/api/projects/", {"title": title}, 400)
        assert list(told["validation_errors"]) == ["title"]
    assert (
        len({world.post("/api/projects/", {"title": "Twin"})["id"] for _ in "ab"}) == 2
    )


@line("2.7", "a project has every field that clients read")
def project_fields(world):
    project = world.make_project()
    shown = world.get(f"/api/projects/{project}/")
    assert shown.keys() >= PROJECT
    person = {"id", "first_name", "last_name", "email", "avatar"}
    assert person <= shown["created_by"].keys()
    assert (shown["label_config"], shown["maximum_annotations"]) == (LABELS, 1)
    assert shown["parsed_label_config"]["kind"]["labels"] == ["gull", "crow"]
    assert (shown["is_draft"], shown["config_has_control_tags"]) == (False, True)


@line("2.7", "a project counts tasks, and annotations by kind")
def project_counters(world):
    project = world.make_project()
    tasks = [world.make_task(project) for _ in range(4)]
    world.make_annotation(tasks[0])
    world.make_annotation(tasks[1], ground_truth=True)
    world.make_annotation(tasks[2], was_cancelled=True)
    world.post("/api/predictions/", {"task": tasks[3], "result": RESULT})
    shown = world.get(f"/api/projects/{project}/")
    expected = {
        "task_number": 4,
        "finished_task_number": 2,
        "total_annotations_number": 2,
        "total_predictions_number": 1,
        "num_tasks_with_annotations": 1,
        "useful_annotation_number": 1,
        "ground_truth_number": 1,
        "skipped_annotations_number": 1,
    }
    assert {name: shown[name] for name in expected} == expected
    counts = world.get("/api/projects/counts/", ids=project)["results"][0]
    assert {name: counts[name] for name in expected} == expected


@line("2.7", "what each has done of the queue is not counted", differs="`queue_done`")
def queue(world):
    shown = world.get(f"/api/projects/{world.make_project()}/")
    assert (shown["queue_total"], shown["queue_done"]) == (0, None)


@line(
    "2.7",
    "a new project has counters of 0",
    differs="| a new project |",
)
def new_project(world):
    made = world.post("/api/projects/", {"title": "Birds"})
    assert made["task_number"] == made["ground_truth_number"] == 0


@line("2.7", "projects are changed by PATCH, and deleted: 204")
def project_change(world):
    path = f"/api/projects/{world.make_project()}/"
    assert world.patch(path, {"title": "Gulls"})["title"] == "Gulls"
    assert world.delete(path) is None
    world.get(path, 404)


@line("2.7", "an import of tasks answers with counts, formats, columns and numbers")
def import_tasks(world):
    project = world.make_project()
    path = f"/api/projects/{project}/import"
    tasks = [{"image": "a"}, {"data": {"image": "b"}, "annotations": [{"result": []}]}]
    made = world.ask("POST", path, 201, json=tasks, params={"return_task_ids": "1"})
    assert (made["task_count"], made["annotation_count"]) == (2, 1)
    assert made["prediction_count"] == 0
    assert len(made["task_ids"]) == 2
    assert made["data_columns"] == ["image"]
    fields = {"duration", "file_upload_ids", "could_be_tasks_list", "found_formats"}
    assert fields <= made.keys()
    assert "task_ids" not in world.ask("POST", path, 201, json=tasks[:1])


@line("2.7", "columns of an import become predictions where that is asked for")
def preannotated(world):
    project = world.make_project()
    world.ask(
        "POST",
        f"/api/projects/{project}/import",
        201,
        json=[{"image": "a", "kind": RESULT}],
        params={"preannotated_from_fields": "kind"},
    )
    (task,) = world.get("/api/tasks/", project=project)["tasks"]
    (prediction,) = task["predictions"]
    assert prediction["result"] == RESULT


@line("2.7", "with commit_to_project=false files are kept, and no tasks are made")
def not_committed(world):
    project = world.make_project()
    files = {"file": ("a.json", b'[{"image": "a"}]', "application/json")}
    made = world.ask(
        "POST",
        f"/api/projects/{project}/import",
        201,
        files=files,
        params={"commit_to_project": "false"},
    )
    assert made["file_upload_ids"]
    assert world.get("/api/tasks/", project=project)["total"] == 0


@line(
    "2.7",
    "an import has ended when it answers, so nothing is asked of it afterwards",
    differs="`/api/projects/N/imports/M/`",
)
def import_status(world):
    world.get(f"/api/projects/{world.make_project()}/imports/1/", 404)


@line("2.7", "predictions of many tasks are imported in one go: 201")
def import_predictions(world):
    project = world.make_project()
    body = [{"task": world.make_task(project), "result": RESULT, "score": 0.5}]
    assert (
        world.post(f"/api/projects/{project}/import/predictions", body)["created"] == 1
    )


@line("2.7", "a label config is checked: 200, or 400")
def check_config(world):
    path = f"/api/projects/{world.make_project()}/validate/"
    world.post(path, {"label_config": LABELS}, 200)
    world.post(path, {"label_config": "<View>"}, 400)


@line("2.7", "an export is downloaded in one go")
def export(world):
    project = world.make_project()
    world.make_annotation(world.make_task(project))
    (task,) = world.get(f"/api/projects/{project}/export", exportType="JSON")
    assert task["annotations"][0]["result"] == RESULT


@line("2.7", "tasks come with totals, 100 on a page, and 404 past the end")
def task_pages(world):
    project = world.make_project()
    many = [{"image": str(n)} for n in range(101)]
    world.ask("POST", f"/api/projects/{project}/import", 201, json=many)
    page = world.get("/api/tasks/", project=project, fields="all", page=1)
    totals = {"tasks", "total", "total_annotations", "total_predictions"}
    assert page.keys() >= totals
    assert (len(page["tasks"]), page["total"]) == (100, 101)
    told = world.get("/api/tasks/", 404, project=project, page=3)
    assert told["detail"] == "Invalid page."


@line("2.7", "tasks of neither a project nor a view: 404 that says so")
def tasks_of_nothing(world):
    told = world.get("/api/tasks/", 404)
    assert told["detail"] == "Neither project nor view id specified"


@line("2.7", "tasks of a view", differs="can have any filter")
def tasks_of_view(world):
    project = world.make_project()
    task = world.make_task(project)
    view = world.post("/api/dm/views/", {"project": project, "data": {}})["id"]
    assert [t["id"] for t in world.get("/api/tasks/", view=view)["tasks"]] == [task]


@line(
    "2.7",
    "`query` filters, orders and selects",
    differs="tasks can be filtered by every column",
)
def task_query(world):
    project = world.make_project()
    tasks = [world.make_task(project) for _ in range(3)]
    chosen = {"all": False, "included": tasks[:2]}
    query = json.dumps({"selectedItems": chosen, "ordering": ["-tasks:id"]})
    found = world.get("/api/tasks/", project=project, query=query)["tasks"]
    assert [task["id"] for task in found] == [tasks[1], tasks[0]]


@line("2.7", "a task needs data and a project: 201, else 400 by field")
def create_task(world):
    project = world.make_project()
    for body, field in (
        ({"project": project}, "data"),
        ({"data": {"image": "a"}}, "project"),
        ({"project": project, "data": "text"}, "data"),
    ):
        told = world.post("/api/tasks/", body, 400)
        assert list(told["validation_errors"]) == [field]
    made = world.post("/api/tasks/", {"project": str(project), "data": {"n": 1}})
    assert made["project"] == project


@line("2.7", "a task has every field that clients read; its authors are people")
def task_fields(world):
    task = world.make_task(world.make_project())
    world.make_annotation(task)
    shown = world.get(f"/api/tasks/{task}/")
    assert shown.keys() >= TASK
    assert shown["annotations"][0]["completed_by"]["email"] == world.email


@line("2.7", "a task that is changed is shown with its URIs as stored")
def change_task(world):
    task = world.make_task(world.make_project())
    data = {"image": "s3://birds/a.jpg"}
    assert world.patch(f"/api/tasks/{task}/", {"data": data})["data"] == data


@line("2.7", "a task, and all tasks, are deleted: 204")
def delete_tasks(world):
    project = world.make_project()
    tasks = [world.make_task(project) for _ in range(2)]
    world.delete(f"/api/tasks/{tasks[0]}/")
    world.get(f"/api/tasks/{tasks[0]}/", 404)
    world.delete(f"/api/projects/{project}/tasks/")
    assert world.get("/api/tasks/", project=project)["total"] == 0


@line("2.7", "annotations of a task are an array; one is made: 201")
def annotations(world):
    task = world.make_task(world.make_project())
    made = world.make_annotation(task, lead_time=1.5, import_id=3, unique_id="u")
    assert made.keys() >= ANNOTATION
    assert (made["task"], made["lead_time"]) == (task, 1.5)
    (listed,) = world.get(f"/api/tasks/{task}/annotations/")
    assert listed["id"] == made["id"]


@line("2.7", "a result that is text is 400", differs="500 when a bucket")
def text_result(world):
    task = world.make_task(world.make_project())
    told = world.post(f"/api/tasks/{task}/annotations/", {"result": "{"}, 400)
    assert list(told["validation_errors"]) == ["result"]


@line("2.7", "an annotation is read, changed, and deleted: 204")
def one_annotation(world):
    made = world.make_annotation(world.make_task(world.make_project()))
    path = f"/api/annotations/{made['id']}/"
    assert world.get(path)["result"] == RESULT
    assert world.patch(path, {"ground_truth": True})["ground_truth"] is True
    assert world.delete(path) is None
    world.get(path, 404)


@line("2.7", "many annotations are made and deleted by one call")
def bulk_annotations(world):
    project = world.make_project()
    tasks = [world.make_task(project) for _ in range(2)]
    made = world.post("/api/annotations/bulk/", {"tasks": tasks, "result": RESULT})
    ids = [each["id"] for each in made]
    world.ask("POST", "/api/annotations/bulk-delete/", 200, json={"ids": ids})
    assert world.get(f"/api/tasks/{tasks[0]}/annotations/") == []


@line("2.7", "predictions are listed by task or project, made, changed, deleted")
def predictions(world):
    project = world.make_project()
    task = world.make_task(project)
    made = world.post("/api/predictions/", {"task": task, "result": RESULT})
    assert made.keys() >= PREDICTION
    for query in ({"task": task}, {"project": project}):
        (listed,) = world.get("/api/predictions/", **query)
        assert listed["id"] == made["id"]
    path = f"/api/predictions/{made['id']}/"
    assert world.patch(path, {"score": 0.5})["score"] == 0.5
    assert world.get(path)["score"] == 0.5
    assert world.delete(path) is None


@line("2.7", "the version is under the names that clients look for")
def version(world):
    shown = world.get("/api/version/")
    parts = split("""
        label-studio-os-package label-studio-os-backend label-studio-frontend
        dm2 label-studio-converter
    """)
    assert isinstance(shown["release"], str)
    assert shown["edition"] == "Community"
    assert parts <= shown.keys()


@line("2.7", "who asks has every field that clients read")
def whoami(world):
    shown = world.get("/api/current-user/whoami")
    fields = split("""
        id email username first_name last_name initials avatar
        active_organization active_organization_meta permissions last_activity
        date_joined
    """)
    assert fields <= shown.keys()
    assert shown["username"]
    assert {"title", "email"} <= shown["active_organization_meta"].keys()


@line("2.7", "the token", differs="`GET /api/current-user/token` shows the user's")
def own_token(world):
    shown = world.get("/api/current-user/token")
    assert shown == {"token": world.service.token}


@line("2.7", "api/current-user alone is not there: 404")
def current_user(world):
    world.get("/api/current-user", 404)


@line("2.7", "users are an array", differs="`/api/users` lists the organisation")
def users(world):
    assert [user["email"] for user in world.get("/api/users/")] == [world.email]


@line("2.7", "health is UP, whoever asks")
def health(world):
    with world.open({}) as client:
        assert client.get("/health").json() == {"status": "UP"}


@line("2.7", "webhooks are listed, made, changed, deleted")
def webhooks(world):
    project = world.make_project()
    body = {"url": "https://example.org/hook", "project": project}
    made = world.post("/api/webhooks/", body)
    (listed,) = world.get("/api/webhooks/", project=project)
    assert listed["id"] == made["id"]
    path = f"/api/webhooks/{made['id']}/"
    assert world.patch(path, {"is_active": False})["is_active"] is False
    assert world.delete(path) is None


@line("2.7", "actions are listed, with what a page shows", differs="| actions |")
def actions(world):
    shown = world.get("/api/dm/actions", project=world.make_project())
    assert [action["id"] for action in shown] == [
        "predictions_to_annotations",
        "delete_tasks",
        "delete_tasks_annotations",
        "delete_tasks_predictions",
    ]
    for action in shown:
        assert {"id", "title", "order", "permission", "dialog"} <= action.keys()
        assert {"text", "type"} <= action["dialog"].keys()


@line("2.7", "actions are done with the tasks that are selected")
def act(world):
    project = world.make_project()
    tasks = [world.make_task(project) for _ in range(2)]
    for task in tasks:
        world.post("/api/predictions/", {"task": task, "result": RESULT})
    query = {"project": project}
    chosen = {"selectedItems": {"all": False, "included": tasks[:1]}}

    def do(name, **more):
        return world.ask(
            "POST",
            "/api/dm/actions/",
            params={**query, "id": name},
            json={**chosen, **more},
        )

    assert do("predictions_to_annotations")["processed_items"] == 1
    assert do("delete_tasks_annotations")["detail"] == "Deleted 1 annotations"
    assert do("delete_tasks_predictions")["processed_items"] == 1
    assert do("delete_tasks") == {
        "processed_items": 1,
        "reload": False,
        "detail": "Deleted 1 tasks",
    }
    assert [t["id"] for t in world.get("/api/tasks/", **query)["tasks"]] == tasks[1:]


@line("2.7", "what an action asks is told")
def action_form(world):
    project = world.make_project()
    world.make_annotation(world.make_task(project))
    path = "/api/dm/actions/delete_tasks_annotations/form"
    ((field,),) = (row["fields"] for row in world.get(path, project=project))
    assert field["name"] == "annotator"
    assert [option["label"] for option in field["options"]] == [world.email]
    assert world.get("/api/dm/actions/delete_tasks/form", project=project) == []


elsewhere(
    "2.7",
    "the Client of the first generation, from versions to storages",
    OLDER,
    "test_scripts_of_the_first_generation_run",
)
elsewhere(
    "2.7",
    "the older SDKs, which insist on required fields and on types",
    OLDER,
    "test_an_older_sdk_gets_what_the_newest_gets",
)

"""Backups of CVAT: frames become tasks, shapes annotations, and the rest is told."""

from __future__ import annotations

import io
import zipfile

import pytest

from labeldock.services import projects, runs
from labeldock.services.cvat.masks import encode_mask
from tests.system import cvat_archives as cvat
from tests.system.backup_places import Backups, render_uri
from tests.system.cvat_archives import HEIGHT, WIDTH, shape, track


@pytest.fixture
def backups(app, owner, tmp_path):
    return Backups(app, owner.principal, tmp_path)


@pytest.fixture
def restore(backups):
    """The tasks that the entries of an archive are made into."""

    def make(entries):
        return backups.describe(backups.restored(cvat.pack(entries)))

    return make


@pytest.fixture
def convert(restore):
    """The regions that the first frame's shapes are made into."""

    def make(*shapes, **more):
        job = {"version": 0, "tags": [], "shapes": list(shapes), "tracks": [], **more}
        [task, *_] = restore(cvat.task_entries(annotations=[job]))
        return task["annotations"][0]["result"] if task["annotations"] else []

    return make


def test_a_task_s_backup_becomes_a_project_with_its_pictures(
    client, auth, backups, app, owner
):
    project_id = backups.restored(cvat.pack(cvat.task_entries(count=3)))

    project = projects.get_project(app, owner.principal, project_id)
    made = backups.describe(project_id)
    uris = [task["data"]["image"] for task in made]
    media = [
        client.get(
            f"/projects/{project_id}/resolve/",
            params={"fileuri": render_uri(uri)},
            headers=auth,
        )
        for uri in uris
    ]
    assert project.title == "Cars on the road"
    assert uris == [f"cvat://task-0/pics/{number:02}.png" for number in range(3)]
    assert [task["data"]["frame"] for task in made] == [0, 1, 2]
    assert [answer.status_code for answer in media] == [200] * 3
    assert [answer.content for answer in media] == [cvat.draw(n) for n in range(3)]


def test_a_project_s_backup_holds_the_frames_of_all_its_tasks(restore):
    entries = cvat.project_entries(
        cvat.task_entries("task_0/", count=2), cvat.task_entries("task_1/", count=1)
    )

    made = restore(entries)

    assert [task["data"]["image"] for task in made] == [
        "cvat://task-0/pics/00.png",
        "cvat://task-0/pics/01.png",
        "cvat://task-1/pics/00.png",
    ]


def test_a_lightweight_backup_waits_for_a_storage(client, auth, backups):
    entries = cvat.task_entries(count=2, is_light=True)

    project_id = backups.restored(cvat.pack(entries))

    uri = render_uri("cvat://task-0/pics/00.png")
    answer = client.get(
        f"/projects/{project_id}/resolve/", params={"fileuri": uri}, headers=auth
    )
    assert answer.status_code == 409
    assert len(backups.describe(project_id)) == 2


def test_a_lightweight_backup_keeps_to_the_frames_that_were_chosen(restore):
    data = {"start_frame": 1, "stop_frame": 8, "frame_filter": "step=3"}
    entries = cvat.task_entries(count=10, is_light=True, **data)

    made = restore(entries)

    names = [task["data"]["image"].rpartition("/")[2] for task in made]
    assert names == ["01.png", "04.png", "07.png"]


def test_a_storage_is_attached_to_what_a_lightweight_backup_names(
    client, auth, backups, put_object, app, owner
):
    project_id = backups.restored(cvat.pack(cvat.task_entries(count=2, is_light=True)))
    for number in range(2):
        put_object(f"pics/{number:02}.png", cvat.draw(number), "image/png")
    values = {"project": project_id, "bucket": "media", "use_blob_urls": True}
    values["recursive_scan"] = True
    storage = client.post("/api/storages/memory", json=values, headers=auth).json()

    attached = client.patch(
        f"/api/projects/{project_id}/data/meta",
        json={"cloud_storage_id": storage["id"]},
        headers=auth,
    )

    uri = render_uri("cvat://task-0/pics/01.png")
    answer = client.get(
        f"/projects/{project_id}/resolve/", params={"fileuri": uri}, headers=auth
    )
    assert attached.status_code == 200, attached.json()
    assert answer.content == cvat.draw(1)


@pytest.mark.parametrize("is_light", [False, True], ids=["full", "lightweight"])
def test_what_came_from_cvat_is_backed_up_like_any_other(backups, is_light):
    job = {"version": 0, "shapes": [shape("rectangle", [0, 0, 4, 4])]}
    entries = cvat.task_entries(count=2, annotations=[job], is_light=is_light)
    first = backups.restored(cvat.pack(entries))

    second = backups.restored(backups.make(first, lightweight=True))

    assert backups.describe(second) == backups.describe(first)


# Shapes


def test_a_rectangle_is_in_percent_of_the_picture(convert):
    [region] = convert(shape("rectangle", [4, 5, 24, 15]))

    assert region["type"] == "rectanglelabels"
    assert (region["original_width"], region["original_height"]) == (WIDTH, HEIGHT)
    assert region["value"] == {
        "x": 10, "y": 25, "width": 50, "height": 50, "rotation": 0,
        "rectanglelabels": ["car"],
    }  # fmt: skip


def test_a_turned_rectangle_turns_about_its_upper_left_corner(convert):
    [region] = convert(shape("rectangle", [10, 5, 30, 15], rotation=90))

    value = region["value"]
    # Centre (20, 10); its upper left corner lies 10 left and 5 above it, turned by 90.
    assert value["x"] == pytest.approx(100 * 25 / WIDTH)
    assert value["y"] == pytest.approx(100 * 0 / HEIGHT)
    assert value["rotation"] == 90


@pytest.mark.parametrize(
    ("kind", "points", "type_", "expected"),
    [
        (
            "polygon",
            [0, 0, 40, 0, 40, 20],
            "polygonlabels",
            {"points": [[0, 0], [100, 0], [100, 100]], "closed": True},
        ),
        (
            "polyline",
            [0, 0, 40, 20],
            "polygonlabels",
            {"points": [[0, 0], [100, 100]], "closed": False},
        ),
        (
            "ellipse",
            [20, 10, 30, 5],
            "ellipselabels",
            {"x": 50, "y": 50, "radiusX": 25, "radiusY": 25, "rotation": 0},
        ),
        ("points", [10, 10], "keypointlabels", {"x": 25, "y": 50, "width": 0.5}),
    ],
    ids=["polygon", "polyline", "ellipse", "points"],
)
def test_every_shape_has_its_counterpart(convert, kind, points, type_, expected):
    [region] = convert(shape(kind, points))

    assert region["type"] == type_
    assert region["value"] == {**expected, type_: ["car"]}


def test_a_shape_of_many_points_becomes_as_many_key_points(convert):
    regions = convert(shape("points", [0, 0, 20, 10, 40, 20]))

    assert [r["value"]["x"] for r in regions] == [0, 50, 100]


def unpack_runs(rle):
    """The values that a brush's stream of bits holds, as Label Studio reads it."""
    bits = "".join(f"{byte:08b}" for byte in rle)
    position = 0

    def read(size):
        nonlocal position
        position += size
        return int(bits[position - size : position], 2)

    count, size = read(32), read(5) + 1
    lengths = [read(4) + 1 for _ in range(4)]
    values = []
    while len(values) < count:
        is_repeated = read(1)
        length = read(lengths[read(2)]) + 1
        if is_repeated:
            values += [read(size)] * length
        else:
            values += [read(size) for _ in range(length)]
    return values


def test_a_mask_has_the_same_pixels(convert):
    # A box of 3 by 2 pixels at (5, 4): unset, set, set / set, unset, unset.
    [region] = convert(shape("mask", [1, 3, 2, 5, 4, 7, 5]))

    values = unpack_runs(region["value"]["rle"])
    pixels = [n for n, value in enumerate(values[::4]) if value]
    assert region["type"] == "brushlabels"
    assert region["value"]["format"] == "rle"
    assert len(values) == WIDTH * HEIGHT * 4
    assert set(values) == {0, 255}
    assert pixels == [4 * WIDTH + 6, 4 * WIDTH + 7, 5 * WIDTH + 5]


@pytest.mark.parametrize(
    "points",
    [[], [1, 0, 0, 0], [7, 0, 0, 2, 1], [6, 0, 0, 99, 1], [-1, 7, 0, 0, 2, 1]],
    ids=["empty", "short", "too-many", "outside", "negative"],
)
def test_a_mask_that_is_none_is_no_region(points):
    assert encode_mask(points, WIDTH, HEIGHT) is None


def test_tags_and_attributes_are_kept(convert):
    given = [{"name": "make & model", "value": "B"}, {"name": "plate", "value": "X 1"}]
    regions = convert(
        shape("rectangle", [0, 0, 4, 4], attributes=given, occluded=True),
        tags=[{"frame": 0, "group": 0, "label": "sky", "attributes": []}],
    )

    tag, region, model, plate = regions
    assert tag["value"] == {"choices": ["sky"]}
    assert region["meta"] == {"text": ["occluded"]}
    assert model["from_name"] == "attribute_make___model"
    assert (model["id"], model["value"]["choices"]) == (region["id"], ["B"])
    assert (plate["id"], plate["value"]["text"]) == (region["id"], ["X 1"])


def test_a_track_is_a_shape_on_every_frame_where_it_is_seen(restore):
    shapes = [
        shape("rectangle", [0, 0, 8, 8], frame=0),
        shape("rectangle", [8, 0, 16, 8], frame=2),
        shape("rectangle", [8, 0, 16, 8], frame=3, outside=True),
    ]
    job = {"version": 0, "tags": [], "shapes": [], "tracks": [track(shapes)]}

    made = restore(cvat.task_entries(count=5, annotations=[job]))

    found = [
        [r["value"]["x"] for a in task["annotations"] for r in a["result"]]
        for task in made
    ]
    assert found == [[0], [10], [20], [], []]


def test_jobs_of_ground_truth_are_annotations_of_their_own(restore):
    job = {"version": 0, "tags": [], "shapes": [shape("rectangle", [0, 0, 4, 4])]}
    entries = cvat.task_entries(
        annotations=[job, job], jobs=("annotation", "ground_truth")
    )

    [first, *_] = restore(entries)

    assert [a["ground_truth"] for a in first["annotations"]] == [False, True]


def test_the_label_config_knows_labels_colours_and_attributes(backups, app, owner):
    job = {"version": 0, "shapes": [shape("ellipse", [20, 10, 30, 5])]}
    project_id = backups.restored(cvat.pack(cvat.task_entries(annotations=[job])))

    config = projects.get_project(app, owner.principal, project_id).label_config

    assert '<Label value="car" background="#ff0000"/>' in config
    assert "<EllipseLabels" in config
    assert "<BrushLabels" not in config
    assert '<Choice value="sky"/>' in config
    assert (
        '<Choices name="attribute_make___model" toName="image" perRegion="true">'
        in (config)
    )


# What is left out, and what is refused


def test_what_has_no_counterpart_is_listed_and_not_dropped_in_silence(
    backups, app, owner
):
    job = {
        "version": 0,
        "tags": [],
        "shapes": [
            shape("cuboid", list(range(16))),
            shape("cuboid", list(range(16))),
            shape("rectangle", [0, 0, 4, 4], label="nobody knows"),
            shape("rectangle", [0, 0, 4, 4], frame=99),
            shape("skeleton", [], elements=[{}]),
        ],
    }
    entries = cvat.task_entries(annotations=[job], deleted_frames=[2])

    run, view = backups.restore(cvat.pack(entries))

    errors = runs.list_run_errors(app, owner.principal, run.id, after=0, limit=100)
    said = sorted(error.message for error in errors)
    assert run.state == "completed_with_errors"
    assert len(backups.describe(view.result_id)) == 2
    assert said == [
        "1 deleted frames have no counterpart.",
        "1 shapes of the type skeleton have no counterpart.",
        "1 shapes or tags on frames that are not there have no counterpart.",
        "1 shapes with the unknown label 'nobody knows' have no counterpart.",
        "2 shapes of the type cuboid have no counterpart.",
    ]


def change(entries, **changed):
    """The entries of a task with other values in task.json."""
    document = {**entries["task.json"], **changed}
    return {**entries, "task.json": document}


def drop(entries, name):
    return {key: value for key, value in entries.items() if key != name}


WHOLE = cvat.task_entries(count=2)
LIGHT = cvat.task_entries(count=2, is_light=True)
BROKEN = {
    "version": (change(WHOLE, version="2.0"), "task.json: CVAT's version '2.0'"),
    "share": (
        change(WHOLE, data={"storage": "share"}),
        "task.json: Unexpected storage type 'share'",
    ),
    "light-with-media": (
        {**LIGHT, "data/pics/00.png": cvat.draw(0)},
        "data/: Expected manifest.jsonl",
    ),
    "missing-picture": (
        drop(WHOLE, "data/pics/01.png"),
        "data/pics/01.png: The manifest lists it",
    ),
    "no-json": (
        {**WHOLE, "annotations.json": b"{"},
        "annotations.json: It is not JSON",
    ),
    "other-shape": (
        {**WHOLE, "annotations.json": {"shapes": 1}},
        "annotations.json: ",
    ),
    "way-out": ({**WHOLE, "../x": b""}, "../x: Its name leads out"),
    "absolute": ({**WHOLE, "/etc/x": b""}, "/etc/x: Its name is an absolute path"),
    "no-sizes": (
        {**LIGHT, "data/manifest.jsonl": cvat.write_manifest(2, with_sizes=False)},
        "pics/00.png has no width and height",
    ),
    "no-picture": (
        drop({**WHOLE, "data/pics/00.png": b"x"}, "data/manifest.jsonl"),
        "data/pics/00.png: It is no picture",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_refused_by_its_entry_and_leaves_nothing(
    backups, app, owner, name
):
    entries, message = BROKEN[name]
    before = projects.list_projects(app, owner.principal, offset=0, limit=100)[1]

    run, _ = backups.restore(cvat.pack(entries))

    assert run.state == "failed"
    assert message in run.problem["message"]
    assert (
        projects.list_projects(app, owner.principal, offset=0, limit=100)[1] == before
    )


def test_a_bomb_in_the_archive_is_refused(backups):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("task.json", b"0" * 200_000_000)

    run, _ = backups.restore(file.getvalue())

    assert run.state == "failed"
    assert "task.json" in run.problem["message"]


def test_pictures_without_a_manifest_are_measured(restore):
    [first, *_] = restore(drop(WHOLE, "data/manifest.jsonl"))

    assert first["data"]["image"] == "cvat://task-0/pics/00.png"

"""CVAT backups of version 1.0, written by hand as its code writes them."""

from __future__ import annotations

import io
import json
import zipfile

from PIL import Image

WIDTH, HEIGHT = 40, 20
LABELS = [
    {
        "name": "car",
        "color": "#ff0000",
        "type": "any",
        "sublabels": [],
        "attributes": [
            {
                "name": "make & model",
                "mutable": False,
                "input_type": "select",
                "default_value": "A",
                "values": ["A", "B"],
            },
            {
                "name": "plate",
                "mutable": True,
                "input_type": "text",
                "default_value": "",
                "values": [],
            },
        ],
    },
    {
        "name": "sky",
        "color": "#0000ff",
        "type": "tag",
        "sublabels": [],
        "attributes": [],
    },
]


def draw(seed):
    file = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (seed * 40 % 255, 90, 120)).save(file, "PNG")
    return file.getvalue()


def shape(kind, points, frame=0, **more):
    """A shape as annotations.json has it."""
    return {
        "type": kind,
        "occluded": False,
        "outside": False,
        "z_order": 0,
        "rotation": 0.0,
        "points": points,
        "frame": frame,
        "group": 0,
        "source": "manual",
        "attributes": [],
        "elements": [],
        "label": "car",
        **more,
    }


def track(shapes, **more):
    """A track as annotations.json has it."""
    values = {"frame": 0, "group": 0, "source": "manual", "attributes": []}
    return {**values, "elements": [], "label": "car", "shapes": shapes, **more}


def write_manifest(count, *, with_sizes=True):
    lines = [{"version": "1.1"}, {"type": "images"}]
    for number in range(count):
        item = {"name": f"pics/{number:02}", "extension": ".png", "meta": {}}
        if with_sizes:
            item |= {"width": WIDTH, "height": HEIGHT}
        lines.append(item)
    return "\n".join(map(json.dumps, lines)) + "\n"


def describe_task(count, *, storage="local", jobs=("annotation",), **data):
    """task.json."""
    return {
        "name": "Cars on the road",
        "bug_tracker": "",
        "status": "annotation",
        "subset": "train",
        "labels": LABELS,
        "version": "1.0",
        "data": {
            "chunk_size": 36,
            "image_quality": 70,
            "start_frame": 0,
            "stop_frame": count - 1,
            "storage": storage,
            "storage_method": "cache",
            "sorting_method": "lexicographical",
            "deleted_frames": [],
            **data,
        },
        "jobs": [
            {
                "start_frame": 0,
                "stop_frame": count - 1,
                "status": "annotation",
                "type": t,
            }
            for t in jobs
        ],
    }


def task_entries(folder="", *, count=3, annotations=None, is_light=False, **data):
    """The entries of a task, by name."""
    storage = "cloud_storage" if is_light else "local"
    jobs = data.pop("jobs", ("annotation",))
    given = annotations if annotations is not None else [{"version": 0}]
    entries = {
        f"{folder}task.json": describe_task(count, storage=storage, jobs=jobs, **data),
        f"{folder}annotations.json": given,
        f"{folder}data/manifest.jsonl": write_manifest(count),
    }
    if not is_light:
        for number in range(count):
            entries[f"{folder}data/pics/{number:02}.png"] = draw(number)
    return entries


def project_entries(*tasks):
    """The entries of a project with these tasks."""
    project = {"name": "Roads", "bug_tracker": "", "status": "annotation"}
    entries = {"project.json": {**project, "labels": LABELS, "version": "1.0"}}
    for each in tasks:
        entries |= each
    return entries


def pack(entries):
    """The archive; entries are stored without compression, as CVAT does."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            data = content if isinstance(content, bytes | str) else json.dumps(content)
            archive.writestr(name, data)
    return file.getvalue()

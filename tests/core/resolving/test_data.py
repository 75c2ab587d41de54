"""Task data is resolved on its way out, as deep as it goes, and stays as stored."""

from __future__ import annotations

import base64
import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract import Purpose
from labeldock.services import tasks
from labeldock.services.resolving.data import (
    Resolver,
    load_resolver,
    map_texts,
    name_undefined_key,
    resolve_task_data,
)
from labeldock.services.resolving.fileuri import render_media_url
from labeldock.services.resolving.storages import MediaSources
from tests.core.resolving.sources import build, source

CONFIG = '<View><Image name="i" value="$image"/></View>'


def url(task, uri):
    return f"/tasks/{task.id}/resolve/?fileuri=" + (
        base64.urlsafe_b64encode(uri.encode()).decode()
    )


def resolve(place, task):
    return resolve_task_data(place.app, CONFIG, task)


@pytest.fixture
def storage(sqlite_place, bucket):
    bucket.put("a.jpg")
    return sqlite_place.add(use_blob_urls=True, recursive_scan=True)


def test_uris_of_the_project_s_storages_become_media_urls(
    storage, sqlite_place, add_task
):
    data = {
        "image": "memory://media/a b.jpg",
        "other_scheme": "mem://media/a.jpg",
        "html": '<img src="memory://media/a.jpg"> and <img src="memory://media/b.jpg">',
        "list": [{"deep": ["memory://media/a.jpg", 1, None, True, 1.5]}],
        "foreign": "memory://elsewhere/a.jpg",
        "unknown": "s3://media/a.jpg",
        "resolved": "/data/local-files/?d=a.jpg",
        "text": "plain",
        "memory://media/key.jpg": 1,
    }
    task = add_task(copy.deepcopy(data))

    resolved = resolve(sqlite_place, task)

    assert resolved == data | {
        "image": url(task, "memory://media/a b.jpg"),
        "other_scheme": url(task, "mem://media/a.jpg"),
        "html": f'<img src="{url(task, "memory://media/a.jpg")}">'
        f' and <img src="{url(task, "memory://media/b.jpg")}">',
        "list": [{"deep": [url(task, "memory://media/a.jpg"), 1, None, True, 1.5]}],
    }
    assert task.data == data


def test_what_is_stored_keeps_its_uris(storage, sqlite_place, add_task):
    task = add_task({"image": "memory://media/a.jpg"})

    resolve(sqlite_place, task)

    stored = tasks.get_task(sqlite_place.app, sqlite_place.owner, task.id)
    assert stored.data == {"image": "memory://media/a.jpg"}


def test_urls_are_absolute_if_the_public_address_is_known(
    open_app, sqlite_installation, storage, sqlite_place, add_task
):
    task = add_task({"image": "memory://media/a.jpg"})
    app = open_app(sqlite_installation, public_url="https://labels.example.org/")

    resolved = resolve_task_data(app, CONFIG, task)

    expected = url(task, "memory://media/a.jpg")
    assert resolved["image"] == f"https://labels.example.org{expected}"


def test_an_imported_object_resolves_whatever_its_key_is(sqlite_place, bucket):
    keys = ["a\nb.jpg", " spaced ", "s3://x memory://media/y", '"q".jpg', "plain.jpg"]
    bucket.put_all(dict.fromkeys(keys, b"x"))
    storage = sqlite_place.add(use_blob_urls=True, recursive_scan=True)
    sqlite_place.sync(storage)
    query = tasks.TaskQuery(sqlite_place.project)
    found = tasks.list_tasks(sqlite_place.app, sqlite_place.owner, query).tasks
    resolver = load_resolver(sqlite_place.app, sqlite_place.project, CONFIG)

    resolved = {task.key: resolver.resolve(task) for task in found}

    assert resolved == {
        task.key: {"image": url(task, f"memory://media/{task.key}")} for task in found
    }
    assert set(resolved) == set(keys)


def test_export_storages_do_not_resolve(sqlite_place, bucket, add_task):
    sqlite_place.add(Purpose.EXPORT)
    task = add_task({"image": "memory://media/a.jpg"})

    assert resolve(sqlite_place, task) == task.data


def test_a_key_outside_the_prefix_stays_a_uri(sqlite_place, bucket, add_task):
    bucket.put("p/a.jpg")
    sqlite_place.add(prefix="p", use_blob_urls=True)
    task = add_task({"in": "memory://media/p/a.jpg", "out": "memory://media/a.jpg"})

    resolved = resolve(sqlite_place, task)

    assert resolved["in"] != task.data["in"]
    assert resolved["out"] == task.data["out"]


# The shape of data


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"$undefined$": "x"}, {"image": "x"}),
        ({"a": 1, "$undefined$": "x", "b": 2}, {"a": 1, "image": "x", "b": 2}),
        ({"image": 1, "$undefined$": "x"}, {"image": 1, "$undefined$": "x"}),
        ({"nested": {"$undefined$": "x"}}, {"nested": {"$undefined$": "x"}}),
        (["$undefined$"], ["$undefined$"]),
        ({}, {}),
    ],
)
def test_an_undefined_key_takes_the_name_of_the_first_value(data, named):
    result = name_undefined_key(data, CONFIG)

    assert result == named
    assert list(result) == list(named)


def test_an_undefined_key_stays_while_no_label_config_names_it():
    assert name_undefined_key({"$undefined$": "x"}, "<View/>") == {"$undefined$": "x"}


def test_data_may_be_nested_ten_thousand_levels_deep():
    data = leaf = []
    for level in range(10_000):
        inner = [] if level % 2 else {}
        leaf.append(inner) if isinstance(leaf, list) else leaf.update(k=inner)
        leaf = inner
    leaf.append("text") if isinstance(leaf, list) else leaf.update(k="text")

    result = map_texts(data, str.upper)

    for _ in range(10_001):
        result = result[0] if isinstance(result, list) else result["k"]
    assert result == "TEXT"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20)
    | st.sampled_from(["s3://b/k", "see s3://b/k and 's3://b/a b'", "s3://c/k"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(JSON)
def test_mapping_copies_everything_and_changes_texts_alone(data):
    before = json.dumps(data)

    same = map_texts(data, lambda text: text)
    changed = map_texts(data, lambda text: f"<{text}>")

    assert same == data
    assert json.dumps(data) == before
    assert map_texts(changed, lambda text: text[1:-1]) == data


class AnyTask:
    id, storage_id, slot_id, key = 7, None, None, None

    def __init__(self, data):
        self.data = data


@given(JSON)
def test_resolving_is_idempotent_and_can_be_taken_back(data):
    resolver = Resolver(build(source(1)), "<View/>", "")
    urls = {render_media_url("", 7, uri): uri for uri in ("s3://b/k", "s3://b/a b")}

    def restore(text):
        for each, uri in urls.items():
            text = text.replace(each, uri)
        return text

    once = resolver.resolve(AnyTask(data))

    assert resolver.resolve(AnyTask(once)) == once
    assert map_texts(once, restore) == data


def test_a_project_without_storages_resolves_nothing():
    resolver = Resolver(MediaSources((), frozenset()), "<View/>", "")

    assert resolver.resolve(AnyTask({"a": "s3://b/k"})) == {"a": "s3://b/k"}

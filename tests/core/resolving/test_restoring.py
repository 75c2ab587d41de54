"""What was resolved for a reader is turned back before it is stored."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract import InvalidInput
from labeldock.services import tasks
from labeldock.services.resolving.data import Resolver, resolve_task_data
from labeldock.services.resolving.fileuri import render_media_url
from labeldock.services.resolving.restoring import restore_data, restore_task_data
from tests.core.resolving.sources import build, source

CONFIG = '<View><Image name="i" value="$image"/></View>'
HERE = "https://labels.example.org"


def url(uri, base=""):
    return render_media_url(base, 7, uri)


def restore(data, *bases):
    return restore_data(data, bases)


@pytest.mark.parametrize(
    "key",
    ["a.jpg", "a b.jpg", "ü/日本.jpg", "a=1&b?c#d%20", 'it\'s "q"', "a\nb", "a://b"],
)
def test_a_text_that_is_one_url_becomes_its_uri(key):
    uri = f"s3://b/{key}"

    assert restore(url(uri)) == uri
    assert restore(f" {url(uri)}\n") == uri
    assert restore(url(uri, HERE), HERE) == uri
    assert restore(url(uri, HERE), f"{HERE}/") == uri


@pytest.mark.parametrize(
    "form",
    [
        "/tasks/7/resolve/?fileuri={}",
        "/tasks/7/resolve?fileuri={}",
        "/projects/7/resolve/?fileuri={}",
        "/tasks/7/presign/?fileuri={}",
        "/tasks/7/resolve/?fileuri={}&size=384",
    ],
)
@pytest.mark.parametrize("padding", ["czM6Ly9iL2sx", "czM6Ly9iL2s%3D", "czM6Ly9iL2s"])
def test_every_form_of_media_urls_is_turned_back(form, padding):
    assert restore(form.format(padding)).startswith("s3://b/k")


def test_urls_in_text_are_turned_back_in_their_place():
    text = f'<img src="{url("s3://b/a b")}"> and {url("gs://c/k")}, twice'

    assert restore({"x": [text]}) == {
        "x": ['<img src="s3://b/a b"> and gs://c/k, twice']
    }


def test_json_in_a_string_stays_json():
    text = json.dumps({"image": url('s3://b/"q"\\.jpg'), "n": 1})

    assert json.loads(restore(text)) == {"image": 's3://b/"q"\\.jpg', "n": 1}


def test_html_in_a_string_stays_html():
    text = f'<a href="{url("s3://b/&amp;<b>")}">x</a>'

    assert restore(text) == '<a href="s3://b/&amp;amp;&lt;b&gt;">x</a>'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s3://b/k",
        "/tasks/7/resolve/",
        "/tasks/7/resolve/?fileuri=",
        "/tasks/7/resolve/?fileuri=!!!",
        "/tasks/7/resolve/?fileuri=aaaa",  # no URI
        "/tasks/x/resolve/?fileuri=czM6Ly9iL2s=",
        "/data/local-files/?d=a.jpg",
        # of another installation
        "https://elsewhere.example/tasks/7/resolve/?fileuri=czM6Ly9iL2s=",
    ],
)
def test_what_is_no_media_url_of_ours_stays(text):
    assert restore(text, HERE) == text


def test_a_url_whose_uri_cannot_stand_there_is_refused():
    text = f"see {url('s3://b/with spaces and (brackets')} now"

    with pytest.raises(InvalidInput, match="cannot be written") as caught:
        restore(text)

    assert caught.value.field == "data"
    assert "resolve_uri=false" in caught.value.remedy


def test_a_megabyte_of_urls_is_turned_back_in_one_go():
    one = url("s3://b/k")
    text = f"{one} " * (1_000_000 // len(one))

    assert set(restore(text).split()) == {"s3://b/k"}
    assert restore("/tasks/7/resolve/?fileuri=" * 40_000)


# What a task showed


PIECES = st.sampled_from(
    ["s3://b/k", "s3://b/a b", '"s3://b/a \\"b"', "'s3://b/a b'", "](s3://b/(x))", " ",
     '<img src="s3://b/&amp;x">', '{"a": "', '"}', "\\", "\n", "text, ", "s3://other/k",
     "/tasks/1/x", "url(s3://b/k 1)"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=6).map("".join)
DATA = st.recursive(
    TEXTS | st.none() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=8,
)


class AnyTask:
    id, storage_id, slot_id, key = 7, None, None, None

    def __init__(self, data):
        self.data = data


@given(TEXTS)
def test_what_is_not_exactly_as_shown_never_keeps_a_url(text):
    resolver = Resolver(build(source(1)), "<View/>", "")
    shown = resolver.resolve(AnyTask({"a": text}))

    try:
        restored = restore(shown)
    except InvalidInput:
        return

    again = resolver.resolve(AnyTask(restored))
    # Space around what is one URL as a whole is not part of it, and not kept.
    assert again["a"].strip() == shown["a"].strip()


@pytest.fixture
def storage(sqlite_place, bucket):
    bucket.put("a.jpg")
    return sqlite_place.add(use_blob_urls=True, recursive_scan=True)


SHOWN = [
    {"image": "memory://media/a b.jpg"},
    {"html": '<img src="memory://media/a.jpg"> <img src="memory://media/b.jpg">'},
    {"odd": "memory://media/a\nb", "list": [[{"x": "(memory://media/a.jpg)"}]]},
    {"json": json.dumps({"x": 'memory://media/"q".jpg', "y": "ü"})},
    {"bare": "see memory://media/a(1).jpg, MEMORY://media/x and memory://other/a"},
    {"$undefined$": "memory://media/a.jpg", "n": 1},
    {"$undefined$": "memory://media/a.jpg", "image": "x"},
    ["memory://media/a.jpg", 1, None],
]


@pytest.mark.parametrize("data", SHOWN)
def test_a_task_sent_back_as_it_was_read_is_stored_as_it_was(
    storage, sqlite_place, add_task, data
):
    place = sqlite_place
    task = add_task(data)
    shown = resolve_task_data(place.app, "<View/>", task)

    restored = restore_task_data(place.app, place.owner, task.id, shown)

    assert shown != data
    assert restored == data
    assert tasks.get_task(place.app, place.owner, task.id).data == data


@given(DATA)
def test_data_without_media_urls_stay_as_they_are(data):
    assert restore_data(data, ()) == data

"""Looking into a bucket: folders, objects, and what became of each."""

from __future__ import annotations

import io
import re
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labeldock.contract import ALWAYS, Purpose


@pytest.fixture
def filled(put_object):
    put_object("birds/a.jpg", b"x" * 2000)
    put_object("birds/b.jpg", b"x" * 1000)
    put_object("birds/deep/c.jpg", b"x" * 10)
    put_object("notes.txt", b"some words")
    put_object("list.json", b'{"data":{"text":"x"}}')


@pytest.fixture
def browse(browser, project):
    def look(storage, **query):
        path = f"/projects/{project.id}/storages/{storage.id}/browse/"
        return browser.get(path, params=query)

    return look


@pytest.fixture
def look_at(browser, project):
    def look(storage, key):
        path = f"/projects/{project.id}/storages/{storage.id}/object/"
        return browser.get(path, params={"key": key})

    return look


def row_of(text, name):
    """The table row that names a folder or an object."""
    rows = re.findall(r"<tr>.*?</tr>", text, re.DOTALL)
    return next(row for row in rows if f"<bdi>{name}</bdi>" in row)


def test_folders_are_shown_with_their_counts_and_sizes(filled, connect, browse):
    text = browse(connect()).text

    row = row_of(text, "birds/")
    assert "3 objects" in row
    assert re.search(r">2\.9.KiB<", row)
    assert "notes.txt" in text


def test_one_goes_down_by_links_and_up_by_the_way(filled, connect, browse, browser):
    storage = connect()
    link = re.search(r'href="([^"]+)"><bdi>birds/', browse(storage).text)[1]

    below = browser.get(link.replace("&amp;", "&")).text

    assert row_of(below, "a.jpg")
    assert row_of(below, "deep/")
    assert 'aria-current="true"><bdi>birds</bdi>' in below


def test_objects_say_what_became_of_them(connect, browse, sync, put_object, memory):
    put_object("a.jpg", b"1")
    put_object("b.jpg", b"1")
    put_object("gone.jpg", b"1")
    storage = connect()
    sync(storage)
    put_object("b.jpg", b"22")
    put_object("c.jpg", b"1")
    memory._buckets["media"].delete("gone.jpg", ALWAYS)
    sync(storage)
    put_object("b.jpg", b"333")

    text = browse(storage).text

    assert ">imported<" in row_of(text, "a.jpg")
    assert "/tasks/" in row_of(text, "a.jpg")
    assert ">changed since<" in row_of(text, "b.jpg")
    assert ">imported<" in row_of(text, "c.jpg")
    assert "Imported from here, and gone" in text
    assert "<bdi>gone.jpg</bdi>" in text


def test_what_the_filter_drops_is_marked(connect, browse, put_object):
    put_object("a.jpg")
    put_object("b.txt")

    text = browse(connect(regex_filter=r".*\.jpg")).text

    assert ">not imported<" in row_of(text, "a.jpg")
    assert ">dropped by the filter<" in row_of(text, "b.txt")


def test_a_long_folder_has_pages(connect, browse, browser, put_object):
    for number in range(70):
        put_object(f"{number:03}.jpg")
    first = browse(connect()).text

    link = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    second = browser.get(link).text

    names = re.findall(r"<bdi>(\d{3})\.jpg</bdi>", first + second)
    assert names == [f"{number:03}" for number in range(70)]


def test_nothing_outside_the_prefix_is_shown(filled, connect, browse, look_at):
    storage = connect(prefix="birds")

    assert row_of(browse(storage).text, "a.jpg")
    assert browse(storage, prefix="").status_code == 400
    assert look_at(storage, "notes.txt").status_code == 400


def test_a_bucket_that_is_gone_is_told_on_the_page(filled, connect, browse, memory):
    storage = connect()
    memory._buckets.clear()

    answer = browse(storage)

    assert answer.status_code == 400
    assert "From the beginning" in answer.text


def test_text_and_json_are_shown_as_text(filled, connect, look_at):
    storage = connect()

    assert "some words" in look_at(storage, "notes.txt").text
    assert "&#34;text&#34;: &#34;x&#34;" in look_at(storage, "list.json").text


def test_html_in_an_object_stays_text(connect, look_at, put_object):
    put_object("page.html", b"<script>alert(1)</script>", "text/html")

    text = look_at(connect(), "page.html").text

    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text


def test_the_head_of_a_parquet_file_is_a_table(connect, look_at, put_object):
    file = io.BytesIO()
    rows = {"name": [f"bird {n}" for n in range(50)], "count": list(range(50))}
    pq.write_table(pa.table(rows), file)
    put_object("birds.parquet", file.getvalue())

    text = look_at(connect(), "birds.parquet").text

    assert "<bdi>bird 19</bdi>" in text
    assert "bird 20" not in text
    assert "The first 20 rows." in text


@pytest.mark.parametrize(
    ("key", "tag"), [("a.jpg", "<img"), ("a.mp3", "<audio"), ("a.webm", "<video")]
)
def test_media_are_played_from_a_link_of_ours(
    connect, look_at, put_object, client, key, tag
):
    put_object(key, b"bytes of " + key.encode())

    text = look_at(connect(), key).text
    link = re.search(r'src="(/media/[^"]+)"', text)[1]

    assert tag in text
    assert client.get(unquote_plus(link)).content == b"bytes of " + key.encode()


def test_an_object_that_is_not_there_is_a_404_that_says_so(filled, connect, look_at):
    assert look_at(connect(), "missing.jpg").status_code == 404


def test_viewers_do_not_see_the_bucket(filled, client, viewer, connect, project):
    path = f"/projects/{project.id}/storages/{connect().id}/browse/"

    assert client.get(path, headers=viewer).status_code == 403


def test_an_export_storage_shows_what_was_written(connect, browse, put_object):
    put_object("theirs.json")

    text = browse(connect(Purpose.EXPORT)).text

    assert ">not from here<" in row_of(text, "theirs.json")

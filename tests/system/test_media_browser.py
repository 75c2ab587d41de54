"""Media in a real browser: pictures, and seeking in videos and sounds by ranges."""

from __future__ import annotations

import contextlib
import io
import re
from contextlib import ExitStack

import pytest
from PIL import Image
from playwright import sync_api as playwright

from labeldock.contract import Purpose
from labeldock.services import storages, tasks
from labeldock.services.storage_fields import StorageDraft
from tests.servers.browser import run_browser
from tests.servers.starting import start_server
from tests.system.conftest import build_app
from tests.system.media_serving import media_path, serve, wait_until
from tests.system.webm import FRAME_MS, build_sound, build_video, show_brightness

FRAMES = 50
RANGE = 128 * 1024

LOAD_PICTURE = """source => new Promise(resolve => {
    const picture = new Image()
    picture.onload = () => resolve([picture.naturalWidth, picture.naturalHeight])
    picture.onerror = () => resolve(null)
    picture.src = source
    document.body.append(picture)
})"""
SEEK_VIDEO = """([source, time]) => new Promise((resolve, reject) => {
    const video = document.createElement('video')
    video.muted = true
    video.preload = 'auto'
    video.onerror = () => reject(new Error(video.error.message))
    video.onloadedmetadata = () => { video.currentTime = time }
    video.onseeked = () => {
        const canvas = document.createElement('canvas')
        canvas.width = video.videoWidth
        canvas.height = video.videoHeight
        const context = canvas.getContext('2d')
        context.drawImage(video, 0, 0)
        const at = context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1)
        resolve([video.duration, video.currentTime, at.data[1]])
    }
    video.src = source
    document.body.append(video)
})"""
SEEK_SOUND = """([source, time]) => new Promise((resolve, reject) => {
    const sound = document.createElement('audio')
    sound.preload = 'auto'
    sound.onerror = () => reject(new Error(sound.error.message))
    sound.onloadedmetadata = () => { sound.currentTime = time }
    sound.oncanplay = () => {
        if (sound.currentTime === time) resolve([sound.duration, sound.currentTime])
    }
    sound.src = source
    document.body.append(sound)
})"""


@pytest.fixture(scope="module")
def browser():
    with ExitStack() as stack:
        yield start_server(stack, run_browser())


@pytest.fixture(scope="module")
def video():
    data = build_video(FRAMES)
    assert len(data) > 4 * RANGE
    return data


@pytest.fixture
def app(home, catalog):
    context = build_app(home, catalog, resolver_proxy_max_range_size=RANGE)
    yield context
    context.close()


@pytest.fixture
def server(app):
    with serve(app) as running:
        yield running


@pytest.fixture
def page(browser, server, owner):
    """A page of the application, logged in; `replies` are its media responses."""
    context = browser.new_context()
    address = f"http://127.0.0.1:{server.port}"
    form = {"email": owner.email, "password": owner.password}
    login = f"{address}/user/login/"
    context.request.post(login, form=form, headers={"Origin": address})
    page = context.new_page()
    page.replies = Record()
    page.on("response", page.replies.note)
    page.goto(f"{address}/")
    yield page
    context.close()


class Record(list):
    """What happened, as Playwright tells it to a method of ours."""

    def note(self, event):
        self.append(event)


def list_parts(page):
    """First and last byte of each part of media that was answered, and of how many."""
    found = [reply.headers.get("content-range") for reply in page.replies]
    assert {r.status for r in page.replies if r.headers.get("content-range")} <= {206}
    return [tuple(map(int, re.findall(r"\d+", each))) for each in found if each]


@pytest.mark.parametrize("presign", [False, True])
def test_a_browser_seeks_in_a_video(app, page, owner, project, folder, video, presign):
    (folder / "clip.webm").write_bytes(video)
    connect_folder(app, owner, project, folder, presign=presign)
    source = media_path("project", project.id, f"local://{folder}/clip.webm")
    seconds = 9.1

    duration, time, brightness = page.evaluate(SEEK_VIDEO, [source, seconds])

    assert duration == FRAMES * FRAME_MS / 1000
    assert time == seconds
    shown = show_brightness(int(seconds * 1000 / FRAME_MS), FRAMES)
    assert abs(brightness - shown) < 12
    # It probes from the first byte, gets a part, and goes on where it has to.
    parts = list_parts(page)
    assert parts[0] == (0, RANGE - 1, len(video))
    assert max(first for first, _, _ in parts) > len(video) // 2
    assert max(last - first for first, last, _ in parts) < RANGE


def test_a_browser_seeks_in_a_sound(page, connect, put_object, project):
    data = build_sound(10)
    put_object("sound.wav", data, "audio/wav")
    connect(presign=False)
    source = media_path("project", project.id, "memory://media/sound.wav")

    duration, time = page.evaluate(SEEK_SOUND, [source, 9.0])

    assert abs(duration - 10) < 0.1
    assert time == 9.0
    assert max(first for first, _, _ in list_parts(page)) > len(data) // 2


def connect_folder(app, owner, project, folder, **values):
    fields = {"path": str(folder), "use_blob_urls": True, "recursive_scan": True}
    draft = StorageDraft(project.id, Purpose.IMPORT, "local", {**fields, **values})
    return storages.add_storage(app, owner.principal, draft)


def encode(size, kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, kind)
    return file.getvalue()


def test_a_browser_shows_pictures_and_thumbnails(
    app, page, owner, project, put_object, connect
):
    put_object("a b.png", encode((300, 200)), "image/png")
    connect(presign=False)
    uri = "memory://media/a b.png"
    task = tasks.create_task(app, owner.principal, project.id, {"image": uri})
    source = media_path("task", task.id, uri)

    assert page.evaluate(LOAD_PICTURE, source) == [300, 200]
    assert page.evaluate(LOAD_PICTURE, f"{source}&size=100") == [128, 85]
    assert page.evaluate(LOAD_PICTURE, source.replace("/tasks", "/tasks/9")) is None


def test_the_console_shows_tasks_by_their_thumbnails(
    page, server, project, put_object, connect, sync
):
    for number in range(3):
        put_object(f"{number}.jpg", encode((800, 600), "JPEG"), "image/jpeg")
    sync(connect(presign=False))

    page.goto(f"http://127.0.0.1:{server.port}/projects/{project.id}/")
    wait_until(
        lambda: page.eval_on_selector_all(
            ".tile img", "all => all.every(each => each.complete)"
        )
    )

    widths = page.eval_on_selector_all(
        ".tile img", "all => all.map(i => i.naturalWidth)"
    )
    assert widths == [384] * 3


SCRIPT = "<script>document.title = 'it ran'; fetch('/api/projects/')</script>"
DRAWING = """<svg xmlns='http://www.w3.org/2000/svg' width='40' height='30'>
<script>parent.document.title = document.title = 'it ran'</script></svg>"""
FILES = {
    "page.html": (f"<!doctype html>{SCRIPT}", "text/html"),
    "drawing.svg": (DRAWING, "image/svg+xml"),
    "note.txt": (SCRIPT, "text/plain"),
    "lie.png": (SCRIPT, "image/png"),
    "unknown": (SCRIPT, "application/octet-stream"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_lies_in_a_bucket_never_runs(
    page, server, project, put_object, connect, name
):
    put_object(name, *FILES[name])
    connect(presign=False)
    source = media_path("project", project.id, f"memory://media/{name}")

    shown = page.evaluate(
        """source => new Promise(resolve => {
            const frame = document.createElement('iframe')
            frame.onload = () => resolve(document.title)
            frame.src = source
            document.body.append(frame)
            setTimeout(() => resolve(document.title), 500)
        })""",
        source,
    )
    fresh = page.context.new_page()
    downloads = Record()
    fresh.on("download", downloads.note)
    with contextlib.suppress(playwright.Error):  # a download is no page, it says
        fresh.goto(f"http://127.0.0.1:{server.port}{source}")

    assert shown != "it ran"
    assert fresh.title() != "it ran"
    assert bool(downloads) == (name in {"page.html", "drawing.svg", "unknown"})
    assert not any("/api/" in reply.url for reply in page.replies)


def test_a_drawing_is_shown_though_it_is_sent_to_be_saved(
    page, project, put_object, connect
):
    put_object("drawing.svg", *FILES["drawing.svg"])
    connect(presign=False)
    source = media_path("project", project.id, "memory://media/drawing.svg")

    assert page.evaluate(LOAD_PICTURE, source) == [40, 30]
    assert page.evaluate(LOAD_PICTURE, f"{source}&size=64") == [40, 30]
    assert page.title() != "it ran"

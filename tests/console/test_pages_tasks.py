"""The pages of tasks, and the form that labels them, without a browser."""

from __future__ import annotations

import html
import re

import pytest
from sqlmodel import select

from labeldock.contract import Purpose
from labeldock.db.task_locks import TaskLock
from labeldock.services import annotations, projects, tasks
from labeldock.services.accounts.project_members import add_project_member
from labeldock.services.labelling import queue
from labeldock.services.predictions import create_prediction

CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="box" toName="image">
    <Label value="gull" background="#ff0000"/><Label value="auk"/>
  </RectangleLabels>
  <Choices name="kind" toName="image" required="true">
    <Choice value="bird"/><Choice value="fish"/>
  </Choices>
  <TextArea name="note" toName="image"/>
  <PolygonLabels name="poly" toName="image"><Label value="x"/></PolygonLabels>
</View>"""
BOX = {
    "id": "a",
    "type": "rectanglelabels",
    "from_name": "box",
    "to_name": "image",
    "original_width": 200,
    "original_height": 100,
    "image_rotation": 0,
    "value": {
        "x": 50,
        "y": 10,
        "width": 10,
        "height": 20,
        "rotation": 90,
        "rectanglelabels": ["gull"],
    },
}
BRUSH = {
    "id": "m",
    "type": "brushlabels",
    "from_name": "mask",
    "to_name": "image",
    "value": {"format": "rle", "rle": [1, 2, 3], "brushlabels": ["auk"]},
}
OTHERS = [
    {
        "id": "p",
        "type": "polygonlabels",
        "from_name": "poly",
        "to_name": "image",
        "value": {"points": [[1, 2], [3, 4], [5, 6]], "polygonlabels": ["x"]},
    },
    {
        "id": "k",
        "type": "keypointlabels",
        "from_name": "key",
        "to_name": "image",
        "value": {"x": 5, "y": 6, "width": 1, "keypointlabels": ["x"]},
    },
    BRUSH,
    {
        "type": "relation",
        "from_id": "a",
        "to_id": "p",
        "direction": "right",
    },
    {"id": "r", "type": "rating", "from_name": "s", "value": {"rating": 4}},
    {"id": "t", "type": "textarea", "from_name": "n", "value": {"text": ["Windy"]}},
]


@pytest.fixture
def shapes(app, owner, project):
    """The project, with a label config of many controls."""
    return projects.update_project(
        app, owner.principal, project.id, {"label_config": CONFIG}
    )


@pytest.fixture
def imported(put_object, connect, sync, shapes):
    """Three tasks with pictures."""
    for number in range(3):
        put_object(f"sea/gull {number}.jpg")
    storage = connect(title="Coast")
    sync(storage)
    return storage


def add_task(app, owner, project, data):
    return tasks.create_task(app, owner.principal, project.id, data).id


def say(app, owner, task, result, **values):
    values = {"result": result, **values}
    return annotations.create_annotation(app, owner.principal, task, values).id


def show(browser, task, query=""):
    answer = browser.get(f"/projects/1/tasks/{task}/{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


# The list


def test_the_grid_and_the_list_lead_to_the_tasks(browser, imported):
    grid = browser.get("/projects/1/tasks/").text
    lines = browser.get("/projects/1/tasks/?view=list").text

    assert re.findall(r'<a href="(/projects/1/tasks/\d/)"><img', grid) == [
        f"/projects/1/tasks/{number}/" for number in (1, 2, 3)
    ]
    assert '<td data-label="Key"><code><bdi>sea/gull 2.jpg</bdi></code></td>' in lines


def test_filters_are_kept_in_the_address(app, owner, browser, imported):
    say(app, owner, 2, [])
    query = f"storage={imported.id}&prefix=sea/&state=labelled&view=list"
    text = browser.get(f"/projects/1/tasks/?{query}").text

    assert re.findall(r'<a href="/projects/1/tasks/(\d)/">', text) == ["2"]
    assert 'value="sea/"' in text
    assert f'<option value="{imported.id}" selected>Coast</option>' in text
    assert '<option value="labelled" selected>' in text
    assert "Without filters" in text
    none = browser.get("/projects/1/tasks/?prefix=land").text
    assert "No task is like that." in none


def test_pages_lead_to_one_another_with_the_filters(app, owner, browser, shapes):
    for number in range(50):
        add_task(app, owner, shapes, {"n": number})
    first = browser.get("/projects/1/tasks/?state=unlabelled").text
    onward = html.unescape(re.search(r'rel="next" href="([^"]+)"', first)[1])
    second = browser.get(f"/projects/1/tasks/{onward}").text
    back = html.unescape(re.search(r'rel="prev" href="([^"]+)"', second)[1])

    assert onward == "?state=unlabelled&after=48"
    assert first.count('<li class="tile">') == 48
    assert second.count('<li class="tile">') == 2
    assert 'rel="next"' not in second
    assert browser.get(f"/projects/1/tasks/{back}").text.count('class="tile"') == 48


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("state=nonsense&trouble=nonsense&view=nonsense", 200),
        ("prefix=%00", 200),
        ("after=99999999999999999999999", 400),
        ("before=0", 200),
        ("after=x", 400),
        ("storage=77", 404),
    ],
)
def test_addresses_that_nobody_was_given_do_no_harm(browser, imported, query, status):
    assert browser.get(f"/projects/1/tasks/?{query}").status_code == status


# One task


def test_a_task_shows_its_picture_with_what_was_said_drawn_over_it(
    app, owner, browser, imported
):
    say(app, owner, 1, [BOX, *OTHERS], lead_time=75.0)
    text = show(browser, 1)

    assert re.search(r'<figure class="canvas">\s+<img src="/tasks/1/resolve/', text)
    # Turned by 90 degrees about its corner, on a picture twice as wide as high.
    turned = "50.000,10.000 50.000,30.000 40.000,30.000 40.000,10.000"
    assert f'<polygon points="{turned}" stroke="#ff0000"' in text
    assert '<polygon points="1.000,2.000 3.000,4.000 5.000,6.000"' in text
    assert 'class="dot" d="M5.000 6.000h0.001"' in text
    assert "brush mask, 3 bytes" in text
    assert "gull → x" in text
    assert "4 stars" in text
    assert "Windy" in text
    assert "took 1\N{NO-BREAK SPACE}min 15\N{NO-BREAK SPACE}s" in text
    assert "owner@example.org" in text


def test_another_annotation_or_a_prediction_is_drawn_when_asked_for(
    app, owner, browser, imported
):
    first = say(app, owner, 1, [BOX])
    say(app, owner, 1, [OTHERS[0]])
    values = {"result": [BOX], "score": 0.5, "model_version": "m <1>"}
    create_prediction(app, owner.principal, 1, values)
    text = show(browser, 1)

    assert f"?show=annotation-{first}" in text
    assert "?show=prediction-1" in text
    assert "m &lt;1&gt;" in text
    assert "score 0.5" in text
    drawn = show(browser, 1, "?show=prediction-1")
    assert "Regions of Prediction 1" in drawn
    assert "Regions of Annotation" in show(browser, 1, "?show=nonsense")


def test_where_an_annotation_was_exported_to_is_told(
    app, owner, browser, imported, connect, sync
):
    storage = connect(Purpose.EXPORT, title="Results", prefix="out")
    made = say(app, owner, 1, [BOX])
    waiting = show(browser, 1)
    sync(storage)
    text = show(browser, 1)

    assert "on its way" in waiting
    assert "in the bucket" in text
    assert f"memory://media/out/{made}" in text
    assert ", since <time" in text


def test_media_of_each_kind_are_shown(app, owner, browser, imported, put_object):
    put_object("sea/a.txt", b"Call me <b>Ishmael</b>", "text/plain")
    config = """<View><Image name="i" valueList="$pages"/>
    <Audio name="a" value="$sound"/><Video name="v" value="$film"/>
    <HyperText name="h" value="$page"/>
    <TimeSeries name="s" value="$series"/><Text name="t" value="$words"/></View>"""
    changes = {"label_config": config}
    project = projects.update_project(app, owner.principal, 1, changes)
    data = {
        "pages": ["memory://media/sea/gull 1.jpg", "memory://media/sea/gull 2.jpg"],
        "sound": "memory://media/sea/a.mp3",
        "film": "https://example.org/a.mp4",
        "page": "memory://media/sea/a.txt",
        "series": "memory://media/sea/gone.csv",
        "words": "Plain <i>words</i>",
        "bad": "javascript:alert(1)//.png",
    }
    text = show(browser, add_task(app, owner, project, data))

    assert text.count('<img class="media" src="/tasks/') == 2
    assert '<audio controls preload="none" src="/tasks/' in text
    assert 'src="https://example.org/a.mp4"' in text
    assert "Call me &lt;b&gt;Ishmael&lt;/b&gt;" in text
    assert "Plain &lt;i&gt;words&lt;/i&gt;" in text
    assert "gone.csv" in text
    assert not re.search(r'(?:href|src)="javascript:', text)


def test_data_are_a_tree_whose_addresses_can_be_followed(app, owner, browser, imported):
    uri = "memory://media/sea/gull 1.jpg"
    data = {"image": uri, "meta": {"tags": ["a", {"deep": uri}], "n": 1, "none": None}}
    text = show(browser, add_task(app, owner, imported_project(app, owner), data))

    tree = text[text.index('<ul class="tree">') :]
    assert tree.count(f"<bdi>{uri}</bdi></a>") == 2
    assert tree.count("<ul>") == tree.count("</ul></li>") == 3
    assert "<bdi>null</bdi>" in tree


def imported_project(app, owner):
    return projects.get_project(app, owner.principal, 1)


@pytest.mark.parametrize(
    "data",
    [
        {"<script>alert(1)</script>": "<script>alert(2)</script>"},
        {"long": "x" * 10_000, "y" * 10_000: 1},
        {"rtl": "\u202egnp.exe", "\u202e": 1},
        {"many": [{"n": number} for number in range(2000)]},
        [1, [2, [3, "four"]]],
        {"image": {"not": "a text"}, "n": 1.5},
    ],
)
def test_data_full_of_traps_are_shown_as_they_are(app, owner, browser, shapes, data):
    task = add_task(app, owner, shapes, data)
    pages = [show(browser, task), browser.get("/projects/1/tasks/?view=list").text]
    pages.append(browser.get(f"/projects/1/label/{task}/").text)

    for text in pages:
        assert "<script>alert" not in text
        assert len(text) < 150_000
        assert text.count("<ul") == text.count("</ul>")


HOSTILE = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;'\u202e"


def test_a_label_config_full_of_traps_is_shown_as_it_is(app, owner, browser, imported):
    name = f"{HOSTILE}{'w' * 10_000}"
    choices = "".join(f'<Choice value="{name}{number}"/>' for number in range(60))
    config = f"""<View><Image name="image" value="$image"/><Header value="{name}"/>
    <RectangleLabels name="{name}" toName="image">
      <Label value="{name}" background="red&quot; onload=&quot;alert(1)" hotkey="&lt;"/>
    </RectangleLabels>
    <Choices name="{name}2" toName="image">{choices}</Choices></View>"""
    projects.update_project(app, owner.principal, 1, {"label_config": config})
    value = {**BOX["value"], "rectanglelabels": [html.unescape(name)]}
    say(app, owner, 1, [{**BOX, "from_name": html.unescape(name), "value": value}])

    for text in (show(browser, 1), browser.get("/projects/1/label/1/").text):
        assert "<script>alert" not in text
        assert "onload" not in text
        assert len(text) < 150_000


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"type": "x", "value": "text"},
        {"type": "rectanglelabels", "value": {"x": "a", "y": [], "height": None}},
        {"type": "polygonlabels", "value": {"points": [[1], "x", None]}},
        {"type": "polygon", "value": {"points": [[float(10**300), 1e308]] * 3}},
        {"type": "ellipse", "value": {"radiusX": {}, "radiusY": 1, "x": 1, "y": 1}},
        {"type": "choices", "value": {"choices": "<script>"}},
        {"type": "relation", "from_id": "gone", "to_id": None},
        {"type": 5, "id": {}, "from_name": [], "value": {"labels": [[["a"]]]}},
    ],
)
def test_results_that_make_no_sense_are_shown_all_the_same(
    app, owner, browser, imported, part
):
    made = say(app, owner, 1, [part, BOX])

    assert 'class="parts"' in show(browser, 1)
    path = f"/projects/1/label/1/?annotation={made}"
    assert browser.get(path).status_code == 200


def test_a_task_of_another_project_is_not_shown(app, owner, browser, imported):
    other = projects.create_project(app, owner.principal, {"title": "Other"})
    for path in ("tasks/1/", "label/1/"):
        assert browser.get(f"/projects/{other.id}/{path}").status_code == 404
    assert browser.get("/projects/1/tasks/99/").status_code == 404


# Labelling


def open_form(browser, query=""):
    answer = browser.get(f"/projects/1/label/{query}")
    assert answer.status_code == 303
    path = answer.headers["location"]
    return path, browser.get(path).text


def test_the_form_asks_what_the_label_config_asks(browser, imported):
    path, text = open_form(browser)

    assert path == "/projects/1/label/1/"
    assert 'name="answer-1" value="0" data-key="3"' in text
    assert (
        'name="label" value="gull" data-colour="#ff0000" data-key="1" checked' in text
    )
    assert '<textarea id="answer-2"' in text
    assert "PolygonLabels poly" in text
    assert "this kind of control is not drawn here" in text
    assert 'data-keep="/projects/1/label/1/keep/"' in text


def test_what_is_saved_is_read_by_clients_and_the_next_task_follows(
    app, owner, client, browser, imported, auth
):
    path, _ = open_form(browser)
    values = {"answer-1": "1", "answer-2": "Windy", "action": "save", "began": "1"}
    answer = browser.post(path, data=values)
    said = client.get("/api/tasks/1/annotations", headers=auth).json()

    assert answer.headers["location"] == "/projects/1/label/?after=1"
    (made,) = said
    assert [(p["from_name"], p["type"], p["value"]) for p in made["result"]] == [
        ("kind", "choices", {"choices": ["fish"]}),
        ("note", "textarea", {"text": ["Windy"]}),
    ]
    assert made["lead_time"] == 86400.0
    assert open_form(browser, "?after=1")[0] == "/projects/1/label/2/"
    assert not queue_holds(app, 1)


def queue_holds(app, task):
    with app.database.read() as session:
        held = select(TaskLock).where(TaskLock.task_id == task)
        return session.exec(held).first() is not None


def test_a_form_that_is_refused_keeps_what_was_filled_in(browser, imported):
    regions = '[{"x": 1, "label": "<script>"}]'
    values = {"answer-2": "Half <done>", "regions": regions, "action": "save"}
    answer = browser.post("/projects/1/label/1/", data=values)

    assert answer.status_code == 400
    assert "Half &lt;done&gt;</textarea>" in answer.text
    assert html.escape(regions, quote=True).replace("&quot;", "&#34;")[:12] in (
        answer.text.replace("&quot;", "&#34;")
    )
    assert "<script>" not in answer.text.replace('<script type="module"', "")


def test_a_task_is_skipped_unless_that_is_not_wanted(app, owner, browser, imported):
    path, text = open_form(browser)
    assert 'value="skip"' in text
    answer = browser.post(path, data={"action": "skip"})
    assert answer.headers["location"] == "/projects/1/label/?after=1"
    task = tasks.get_task(app, owner.principal, 1)
    assert (task.total_annotations, task.cancelled_annotations) == (0, 1)

    projects.update_project(app, owner.principal, 1, {"show_skip_button": False})
    path, text = open_form(browser)
    assert 'value="skip"' not in text
    assert browser.post(path, data={"action": "skip"}).status_code == 400


def test_whoever_leaves_gives_the_task_back(browser, imported, app):
    path, _ = open_form(browser)
    assert queue_holds(app, 1)
    answer = browser.post(path, data={"action": "leave"})

    assert answer.headers["location"] == "/projects/1/tasks/"
    assert not queue_holds(app, 1)
    assert "free for others" in browser.get("/projects/1/tasks/").text


def test_an_annotation_is_changed_and_keeps_what_the_form_cannot_show(
    app, owner, browser, imported
):
    made = say(app, owner, 1, [BRUSH, BOX], lead_time=2.0)
    path = f"/projects/1/label/1/?annotation={made}"
    text = browser.get(path).text
    sent = re.search(r'name="regions" value="([^"]*)"', text)[1]
    values = {
        "annotation": str(made),
        "answer-1": "0",
        "regions": html.unescape(sent),
        "action": "save",
    }
    answer = browser.post("/projects/1/label/1/", data=values)
    (kept,) = annotations.list_annotations(app, owner.principal, 1)

    assert answer.headers["location"] == "/projects/1/tasks/1/"
    assert kept.result[0] == BRUSH
    assert [part["type"] for part in kept.result[1:]] == ["choices", "rectanglelabels"]
    box = {k: v for k, v in kept.result[2].items() if k != "origin"}
    assert box == BOX


def test_a_form_can_begin_with_a_prediction(app, owner, browser, imported):
    result = [
        {
            "id": "c",
            "type": "choices",
            "from_name": "kind",
            "to_name": "image",
            "value": {"choices": ["fish"]},
        }
    ]
    create_prediction(app, owner.principal, 1, {"result": result})
    text = browser.get("/projects/1/label/1/?prediction=1").text

    assert 'name="answer-1" value="1" data-key="4" checked' in text


def test_an_empty_annotation_can_be_ruled_out(app, owner, browser, imported):
    config = CONFIG.replace(' required="true"', "")
    values = {"label_config": config, "enable_empty_annotation": False}
    projects.update_project(app, owner.principal, 1, values)
    answer = browser.post("/projects/1/label/1/", data={"action": "save"})

    assert answer.status_code == 400
    assert "An empty annotation is not allowed" in answer.text


def test_a_task_that_somebody_else_works_on_says_so(
    app, owner, stranger, browser, imported
):
    person = stranger.principal
    add_project_member(app, owner.principal, 1, person.user_id, "annotator")
    assert queue.claim_next(app, person, 1) == 1

    assert open_form(browser)[0] == "/projects/1/label/2/"
    text = browser.get("/projects/1/label/1/").text
    assert "Somebody else is labelling this task" in text


def test_many_parts_are_shown_in_full_where_they_are_drawn(
    app, owner, browser, imported
):
    parts = [{**BOX, "id": str(number)} for number in range(2500)]
    for _ in range(3):
        say(app, owner, 1, parts)
    text = show(browser, 1)

    assert text.count("<polygon") == 2000
    assert "And 500 more parts." in text
    assert text.count("And 2\N{NARROW NO-BREAK SPACE}400 more parts.") == 2


def test_when_all_is_labelled_the_page_says_so(app, owner, browser, imported):
    for task in (1, 2, 3):
        say(app, owner, task, [])
    answer = browser.get("/projects/1/label/")

    assert answer.status_code == 200
    assert "Nothing left to label" in answer.text


def test_a_page_keeps_its_task(browser, imported):
    path, _ = open_form(browser)

    assert browser.post(f"{path}keep/").status_code == 204


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("label/", None),
        ("label/1/", None),
        ("label/1/", {"action": "save"}),
        ("label/1/", {"action": "skip"}),
        ("label/1/", {"action": "leave"}),
        ("label/1/keep/", {}),
    ],
)
def test_a_viewer_looks_and_labels_nothing(client, viewer, imported, path, form):
    full = f"/projects/1/{path}"
    if form is None:
        answer = client.get(full, headers=viewer)
    else:
        answer = client.post(full, data=form, headers=viewer)

    assert answer.status_code == 403
    text = client.get("/projects/1/tasks/1/", headers=viewer).text
    assert "Label this task" not in text


def test_an_instruction_is_shown_where_the_project_has_one(
    app, owner, browser, imported
):
    values = {"expert_instruction": "Count <all>", "show_instruction": True}
    projects.update_project(app, owner.principal, 1, values)

    assert "Count &lt;all&gt;" in open_form(browser)[1]

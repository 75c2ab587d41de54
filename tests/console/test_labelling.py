"""Labelling in a real browser: by pointer, by keyboard alone, and without scripts."""

from __future__ import annotations

import io
import re

import pytest
from playwright.sync_api import expect

from labeldock.cli.demo.drawing import draw_shape
from labeldock.contract import Purpose
from labeldock.services import annotations, projects
from tests.console.site import PASSWORD
from tests.system.media_serving import wait_until

CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="box" toName="image">
    <Label value="circle" background="#c62828"/><Label value="star"/>
  </RectangleLabels>
  <Choices name="kind" toName="image" required="true">
    <Choice value="round"/><Choice value="pointed"/>
  </Choices>
  <Rating name="clear" toName="image" maxRating="3"/>
  <TextArea name="note" toName="image"/>
</View>"""


@pytest.fixture
def drawn(site):
    """A project with three pictures of the bucket, and an export storage."""
    number = site.create_project("Shapes to label")
    owner = site.people["owner"]
    projects.update_project(site.app, owner, number, {"label_config": CONFIG})
    buffer = io.BytesIO()
    draw_shape("circle", 1).save(buffer, "PNG")
    for name in "abc":
        site.put(f"to-label/{name}.png", buffer.getvalue())
    site.sync(site.connect(number, prefix="to-label", title="Pictures"))
    site.connect(number, Purpose.EXPORT, prefix=f"labels-{number}", title="Labels")
    return number


def find_said(site, task):
    return annotations.list_annotations(site.app, site.people["owner"], task)


def find_part(result, kind):
    return next(part for part in result if part["type"] == kind)


def read_task(tab):
    return int(re.search(r"/label/(\d+)/", tab.url)[1])


def test_from_the_first_login_to_a_label_in_the_bucket(open_tab, site, drawn):
    tab = open_tab("", viewport={"width": 1280, "height": 900})
    problems = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("console", lambda m: m.type == "error" and problems.append(m.text))
    tab.goto(f"/projects/{drawn}/")
    tab.get_by_label("E-mail address").fill("owner@example.org")
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Log in").click()
    tab.get_by_role("link", name="Tasks", exact=True).click()
    tab.get_by_role("link", name="Label the next task").click()
    tab.wait_for_load_state("networkidle")
    task = read_task(tab)
    tab.get_by_role("radio", name="star 2").check()
    box = tab.locator("[data-canvas] img").bounding_box()
    left, top = box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.3
    tab.mouse.move(left, top)
    tab.mouse.down()
    tab.mouse.move(left + box["width"] * 0.25, top + box["height"] * 0.1)
    tab.mouse.move(left + box["width"] * 0.5, top + box["height"] * 0.4)
    tab.mouse.up()
    expect(tab.locator(".regions li")).to_have_count(1)
    tab.get_by_label("pointed").check()
    tab.get_by_label("note").fill("Drawn <by hand>")
    tab.get_by_role("button", name="Save").click()
    expect(tab.get_by_text("Saved as annotation")).to_be_visible()

    (made,) = find_said(site, task)
    found = find_part(made.result, "rectanglelabels")
    place = {name: round(found["value"][name]) for name in ("x", "y")}
    assert place == {"x": 20, "y": 30}
    assert abs(found["value"]["width"] - 50) < 1
    assert found["value"]["rectanglelabels"] == ["star"]
    assert found["original_width"] > 100
    key = f"labels-{drawn}/{made.id}"
    wait_until(lambda: key in site.list_keys(f"labels-{drawn}/"), seconds=20)
    wait_until(lambda: shows_delivery(tab, drawn, task, key), seconds=20)
    assert tab.locator(".canvas svg polygon").count() == 1
    assert tab.get_by_text("Drawn <by hand>").count() == 1
    assert problems == []


def shows_delivery(tab, project, task, key):
    tab.goto(f"/projects/{project}/tasks/{task}/")
    is_there = tab.get_by_text("in the bucket").count() == 1
    return is_there and tab.get_by_text(f"s3://media/{key}").count() == 1


def test_a_task_is_labelled_with_the_keyboard_alone(open_tab, site, drawn):
    tab = open_tab()
    tab.goto(f"/projects/{drawn}/label/")
    tab.wait_for_load_state("networkidle")
    task = read_task(tab)
    press = tab.keyboard.press
    press("2")  # star
    press("n")
    expect(tab.locator(".regions button").first).to_be_focused()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Shift+ArrowRight"):
        press(key)
    press("n")
    expect(tab.locator(".regions li")).to_have_count(2)
    press("1")  # circle, for the one that has the focus
    press("n")
    press("Delete")
    expect(tab.locator(".regions li")).to_have_count(2)
    press("3")  # round
    press("7")  # three stars
    tab.get_by_label("note").focus()
    tab.keyboard.type("sn12")  # words, not keys
    press("Control+Enter")
    expect(tab.get_by_text("Saved as annotation")).to_be_visible()

    (made,) = find_said(site, task)
    boxes = [part["value"] for part in made.result if part["type"] == "rectanglelabels"]
    shapes = [[box[k] for k in ("x", "y", "width", "height")] for box in boxes]
    assert shapes == [[36, 37, 31, 30], [35, 35, 30, 30]]
    assert [box["rectanglelabels"] for box in boxes] == [["star"], ["circle"]]
    assert find_part(made.result, "choices")["value"] == {"choices": ["round"]}
    assert find_part(made.result, "rating")["value"] == {"rating": 3}
    assert find_part(made.result, "textarea")["value"] == {"text": ["sn12"]}
    assert read_task(tab) != task
    second = read_task(tab)
    press("s")
    expect(tab.get_by_text("Skipped; others may label it.")).to_be_visible()
    assert [each.was_cancelled for each in find_said(site, second)] == [True]


def test_all_but_rectangles_is_labelled_without_scripts(open_tab, site, drawn):
    tab = open_tab(java_script_enabled=False)
    tab.goto(f"/projects/{drawn}/label/")
    task = read_task(tab)
    expect(tab.get_by_text("drawn with a script")).to_be_visible()
    tab.get_by_role("button", name="Save").click()
    tab.get_by_label("round").check()
    tab.get_by_role("button", name="Save").click()

    expect(tab.get_by_text("Saved as annotation")).to_be_visible()
    assert [p["type"] for p in find_said(site, task)[0].result] == ["choices"]

"""Templates of keys: what they may hold, and what comes of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.services.exporting.kinds import Layout, Payload
from labeldock.services.exporting.templates import (
    check_template,
    fill_template,
    is_unique,
    number_key,
)

MADE = datetime(2026, 11, 3, 14, 5, 6, tzinfo=UTC)
VALUES = {
    "project.id": 1, "task.id": 20, "task.inner_id": 3, "task.created_at": MADE,
    "source_key": "in/a.jpg", "annotation.id": 400, "annotation.created_at": MADE,
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("{task.inner_id}-{annotation.id}.json", "3-400.json"),
        ("{source_key}.json", "in/a.jpg.json"),
        ("{annotation.created_at:%Y/%m/%d}/{annotation.id}", "2026/11/03/400"),
        ("{task.created_at}/{project.id}/{task.id}", "2026-11-03/1/20"),
        ("{{{annotation.id}}}", "{400}"),
    ],
)
def test_a_template_is_filled(template, key):
    check_template(template, Payload.ANNOTATION, Layout.FILES)

    assert fill_template(template, VALUES) == key


def test_a_task_made_by_hand_has_its_number_for_a_source():
    values = {**VALUES, "source_key": None}

    assert fill_template("{source_key}.json", values) == "task-20.json"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("all.json", "every item the same key; add one of {annotation.id}"),
        ("{project.id}.json", "every item the same key"),
        ("{task.created_at}.json", "every item the same key"),
        ("{annotation.result}", "no field {annotation.result} here; there are {anno"),
        ("{task.id!r}", "conversion"),
        ("{task.id", "brace"),
        ("task.id}", "brace"),
        ("{}", "without a name"),
        ("{:%Y}{task.id}", "without a name"),
        ("{task.id:05}", "is no date"),
        ("{task.created_at:%A}{task.id}", "date format"),
        ("{task.created_at:%Y//%m}{task.id}", "date format"),
        ("/{task.id}", "between slashes"),
        ("a//{task.id}", "between slashes"),
        ("../{task.id}", "between slashes"),
        ("{task.id}/", "between slashes"),
        ("a\\{task.id}", "control characters or backslashes"),
        ("{task.id}\n", "control characters"),
        ("x" * 600 + "{task.id}", "longer than 512"),
    ],
)
def test_a_template_that_will_not_do_is_refused_with_the_reason(template, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_template(template, Payload.ANNOTATION, Layout.FILES)


@pytest.mark.parametrize(
    ("template", "payload", "layout", "message"),
    [
        ("{annotation.id}", Payload.TASK, Layout.FILES, "no field {annotation.id}"),
        ("{task.id}", Payload.TASK, Layout.JSONL, "no field {task.id}"),
        ("all.parquet", Payload.ANNOTATION, Layout.PARQUET, "add {run.id}"),
    ],
)
def test_the_fields_depend_on_what_is_written(template, payload, layout, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_template(template, payload, layout)


def test_one_file_may_have_any_name():
    check_template("all.jsonl", Payload.TASK, Layout.JSONL)
    check_template("{run.queued_at:%Y}/{run.id}", Payload.ANNOTATION, Layout.PARQUET)


@pytest.mark.parametrize(
    ("template", "payload", "unique"),
    [
        ("{annotation.id}", Payload.ANNOTATION, True),
        ("{task.id}", Payload.ANNOTATION, False),
        ("{task.inner_id}", Payload.TASK, True),
        ("{source_key}", Payload.TASK, False),
    ],
)
def test_whether_keys_can_collide_is_known(template, payload, unique):
    assert is_unique(template, payload) is unique


@pytest.mark.parametrize(
    ("key", "numbered"),
    [("a/b.c/d.json", "a/b.c/d-7.json"), ("a/b", "a/b-7"), ("a/.x", "a/.x-7")],
)
def test_who_comes_second_gets_a_number(key, numbered):
    assert number_key(key, 7) == numbered


@given(st.text(alphabet="{}:!%.tasknoid_/\\\0 \n", max_size=40))
def test_any_text_is_either_refused_or_makes_a_key(text):
    try:
        check_template(text, Payload.ANNOTATION, Layout.FILES)
    except ValueError:
        return
    key = fill_template(text, VALUES)
    assert key == key.strip("/")
    assert not {"", ".", ".."} & set(key.split("/"))

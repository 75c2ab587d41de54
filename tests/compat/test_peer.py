"""A user's script against Labeldock, beside what Label Studio answered to it."""

from __future__ import annotations

import pytest

from labeldock.web.release import VERSION as RELEASE
from tests.compat.comparing import clean, compare
from tests.compat.conftest import find_server
from tests.compat.differences import load_known, read_table, render_table
from tests.compat.peer import VERSION, run_peer
from tests.compat.recording import ask, load_recorded, sort_out
from tests.compat.service import run_service


def test_the_script_gets_what_label_studio_gives_but_for_what_is_listed(sdk, tmp_path):
    with run_service() as service:
        answers = ask(service, RELEASE, tmp_path)

    unknown, unused = sort_out(load_recorded(), answers)

    assert unknown == []
    assert unused == [], "it is listed, and there is no such difference"


def test_the_documentation_has_the_list_of_differences():
    assert read_table() == render_table(), "run ./dev peer"


def test_every_listed_difference_says_what_it_is():
    for known in load_known():
        assert known.where
        assert known.theirs
        assert known.ours


@pytest.mark.full
@pytest.mark.timeout(400)
def test_label_studio_still_answers_as_was_recorded(sdk, tmp_path):
    with find_server(run_peer()) as peer:
        now = ask(peer, VERSION, tmp_path)

    assert sorted(set(compare(load_recorded(), now))) == []


THEIRS = {
    "id": 7,
    "title": "Birds",
    "created_at": "2026-11-21T00:59:53.857667Z",
    "url": "http://a/tasks/7",
    "labels": [{"name": "gull", "size": 1}],
    "old": None,
}
CHANGED = {
    "missing": ({"title": ...}, ("title", "missing")),
    "extra": ({"further": 1}, ("further", "extra")),
    "value": ({"title": "Fish"}, ("title", "value")),
    "type": ({"title": ["Birds"]}, ("title", "type")),
    "null": ({"title": None}, ("title", "type")),
    "text for number": ({"id": "7"}, ("id", "value")),
    "no time": ({"created_at": "yesterday"}, ("created_at", "value")),
    "inside": ({"labels": [{"name": "crow", "size": 1}]}, ("labels[].name", "value")),
    "longer": ({"labels": [{"name": "gull", "size": 1}] * 2}, ("labels[]", "value")),
}


def build_answers(place, **changes):
    body = {**THEIRS, "id": 8, "url": f"{place}/tasks/7", **changes}
    body = {name: value for name, value in body.items() if value is not ...}
    answer = {"request": "GET /api/x", "status": 200, "body": body}
    return clean([answer], {place: "<service>"})


@pytest.mark.parametrize(("changes", "found"), CHANGED.values(), ids=CHANGED)
def test_a_field_that_differs_is_found(changes, found):
    theirs, ours = build_answers("http://a"), build_answers("http://b", **changes)

    (difference,) = compare(theirs, ours)

    assert (difference.field, difference.kind) == found


def test_numbers_of_rows_times_and_addresses_are_no_differences():
    ours = build_answers("http://b", id=9, created_at="2026-11-21T01:00:00.000001Z")

    assert list(compare(build_answers("http://a"), ours)) == []


def test_an_answer_that_one_of_them_never_gave_is_a_difference():
    theirs = build_answers("http://a")

    assert [each.kind for each in compare(theirs, [])] == ["status"]
    assert [each.kind for each in compare([], theirs)] == ["status"]

"""What clients send, taken leniently where it is clear, refused by name where not."""

from __future__ import annotations

import pytest
from pydantic import Field
from starlette.requests import Request

from labeldock.contract import InvalidInput
from labeldock.services.projects import ProjectFields
from labeldock.web.fields import IGNORED_HEADER
from labeldock.web.inputs import (
    AS_IS,
    Body,
    Query,
    Reference,
    Switch,
    Whole,
    pick_fields,
    read_fields,
    read_query,
)


class Words(Query):
    number: Whole | None = None
    is_on: Switch = False
    key: str = ""
    raw: str = Field(default="", alias="as-is")
    many: list[str] = Field(default_factory=list)
    spaced: str | None = None


class Thing(Body):
    project: Whole
    other: Reference = None


def ask(query):
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


def test_a_query_is_read_as_its_model_says():
    words = read_query(ask("number=5&is_on=yes&as-is=a&many=a&many=b"), Words)

    assert (words.number, words.is_on, words.raw) == (5, True, "a")
    assert words.many == ["a", "b"]


def test_a_parameter_that_is_empty_is_left_out_and_the_last_one_counts():
    words = read_query(ask("number=&is_on=%20&key=a&key=%20b%20"), Words)

    assert (words.number, words.is_on, words.key) == (None, False, "b")


def test_spaces_count_where_the_model_says_so():
    from typing import Annotated

    class Keys(Query):
        key: Annotated[str | None, AS_IS] = None

    assert read_query(ask("key=%20a%20"), Keys).key == " a "
    assert read_query(ask("key="), Keys).key == ""


def test_every_wrong_parameter_is_named():
    with pytest.raises(InvalidInput) as caught:
        read_query(ask("number=x&is_on=perhaps"), Words)

    assert [problem.field for problem in caught.value.problems] == ["number", "is_on"]
    assert caught.value.problems[0].message == "A valid integer is required."


def test_fields_that_were_sent_are_told_from_others():
    thing, notes = read_fields({"project": "5", "status": "done"}, Thing)

    assert thing.given() == {"project": 5}
    assert notes == {IGNORED_HEADER: "status"}


@pytest.mark.parametrize("value", [{}, [], True, 1.5, -1, "x", "", None, 2**63])
def test_what_is_no_number_is_refused_by_name(value):
    with pytest.raises(InvalidInput) as caught:
        read_fields({"project": value}, Thing)

    assert [problem.field for problem in caught.value.problems] == ["project"]


def test_a_missing_field_is_told_in_the_words_of_the_api():
    with pytest.raises(InvalidInput) as caught:
        read_fields({}, Thing)

    assert caught.value.problems[0].message == "This field is required."


def test_picked_fields_are_told_from_unknown_ones_and_not_checked():
    body = pick_fields("Some", ProjectFields, project=Reference)
    thing, notes = read_fields({"title": [], "project": "", "odd": 1}, body)

    assert thing.given() == {"title": [], "project": None}
    assert notes == {IGNORED_HEADER: "odd"}


def test_picked_fields_are_described_as_their_model_says():
    body = pick_fields("Some", ProjectFields, required=frozenset({"title"}))
    schema = body.model_json_schema()

    assert schema["required"] == ["title"]
    title = schema["properties"]["title"]
    assert {"type": "string", "minLength": 3, "maxLength": 50} in title["anyOf"]
    assert "default" not in title
    assert title["description"] == "Name shown to people."


@pytest.mark.parametrize(("project", "status"), [("1", 201), (1, 201), ({}, 400)])
def test_a_project_as_text_is_taken_and_as_an_object_is_not(
    client, auth, project, status
):
    body = {"project": project, "data": {"a": 1}}
    client.post("/api/projects", json={"title": "Birds"}, headers=auth)

    assert client.post("/api/tasks", json=body, headers=auth).status_code == status

"""Lines that are looked at quickly: what the model refuses is refused all the same."""

from __future__ import annotations

import itertools
import json

import orjson
import pytest

from labeldock.services.backups.format import (
    ANNOTATIONS,
    PREDICTIONS,
    REFERENCES,
    TASKS,
)
from labeldock.services.restoring.archives import InvalidArchive
from labeldock.services.restoring.loading import Place, RowReader
from labeldock.services.restoring.people import People
from labeldock.services.restoring.records import LineCheck

TIMES = {"created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05.5Z"}
GOOD = {
    TASKS: {
        "task": 1, "inner_id": 1, "data": {"image": "a"}, "meta": None, "overlap": 1,
        "allow_skip": True, "is_labeled": False, "total_annotations": 2,
        "cancelled_annotations": 1, "total_predictions": 4, **TIMES,
    },
    ANNOTATIONS: {
        "task": 1, "result": [], "was_cancelled": False, "ground_truth": True,
        "lead_time": 1.5, "completed_by": None, **TIMES,
    },
    PREDICTIONS: {
        "task": 1, "result": [], "score": 0.5, "model_version": "m", **TIMES,
    },
    REFERENCES: {
        "task": 1, "slot": "s", "key": "k", "row_group": -1, "row_index": 0,
        "state": "linked", "etag": "e", "size": 5,
        "last_modified": "2026-01-02T03:04:05+00:00",
    },
}  # fmt: skip
ODD = (
    None, True, False, 0, 1, -1, -2, 7, 2**31 - 1, 2**31, -(2**31) - 1, 2**63, 2**64,
    2**80, 0.5, 1.0, -0.5, "", "s", "x", "a\0b", "linked", "kept_away", [], {}, [1],
    {"a": 2**70}, "2026-13-01T00:00:00Z", "2026-01-02T03:04:05Z\n",
    "2026-01-02T03:04:05", "٢026-01-02T03:04:05Z", "2026-01-02T03:04:05.1234567Z",
)  # fmt: skip


def make_check(name=None):
    """A check, which has seen good lines of an entry if it is named."""
    check = LineCheck(frozenset({"s"}))
    if name is not None:
        good = GOOD[name]
        for change in ({}, {"lead_time": None}, {"score": 1}, {"last_modified": None}):
            changed = {**good, **{k: v for k, v in change.items() if k in good}}
            check.parsers[name](1, orjson.dumps(changed))
        if name == REFERENCES:
            away = {**good, "task": None, "state": "kept_away"}
            check.parsers[name](1, orjson.dumps(away))
    return check


def look(check, name, line):
    """What a line comes to, or what is said about it."""
    try:
        return check.parsers[name](9, line)
    except InvalidArchive as error:
        return error.message


def list_odd(name):
    """Lines with one or two fields of odd values, missing, additional or moved."""
    good = GOOD[name]
    for field, value in itertools.product(good, ODD):
        yield json.dumps({**good, field: value}).encode()
    for field, value in itertools.product(("task", "state"), ODD):
        if name == REFERENCES:
            yield json.dumps({**good, "task": None, field: value}).encode()
    for field in good:
        yield json.dumps({k: v for k, v in good.items() if k != field}).encode()
        moved = {k: v for k, v in good.items() if k != field} | {field: good[field]}
        yield json.dumps(moved).encode()
    line = orjson.dumps(good)
    yield json.dumps({**good, "more": 1}).encode()
    yield line[:-1] + b',"task":"1"}'
    yield from (line[:-1], line + line, b"[" + line + b"]", b"", b"null", b"7", b"\xff")


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_check_that_knows_good_lines_says_what_a_new_one_says(name):
    taught, seen = make_check(name), {"accepted": 0, "refused": 0}

    for line in list_odd(name):
        expected = look(make_check(), name, line)
        assert look(taught, name, line) == expected, line
        seen["refused" if isinstance(expected, str) else "accepted"] += 1
        if isinstance(expected, str):
            assert expected.startswith(f"{name}: Line 9: "), expected

    assert min(seen.values()) > 10
    print(f"{name}: {seen}")  # noqa: T201


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_a_number_to_python_alone_is_refused(number):
    line = orjson.dumps(GOOD[TASKS]).replace(b'"a"', number.encode())

    assert look(make_check(TASKS), TASKS, line) == f"{TASKS}: Line 9: It is not JSON."


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**64, 2**80])
def test_a_number_that_no_column_holds_is_refused_by_field(number):
    line = json.dumps({**GOOD[TASKS], "inner_id": number}).encode()

    assert "inner_id: The number is too large." in look(make_check(), TASKS, line)


@pytest.mark.parametrize(
    "text",
    [
        '{"n":340282366920938463463374607431768211456}',
        '{"n":0.1,"t":"ü\\u2028\\\\"}',
        "[" * 300 + "]" * 300,
        '{ "spaced" : [ 1, 2 ] }',
    ],
    ids=["beyond 64 bits", "text", "deep", "spaced"],
)
def test_documents_are_loaded_to_the_last_digit(text):
    place = Place(1, {}, People(1), ("", ""))
    good = {**GOOD[ANNOTATIONS], "result": "here"}
    line = orjson.dumps(good).replace(b'"here"', text.encode())

    row = RowReader(place, "sqlite").read_annotation(1, line)

    assert json.loads(row[2]) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05.000678Z", "2026-01-02 03:04:05.000678"),
        ("2026-01-02T03:04:05.5Z", "2026-01-02 03:04:05.500000"),
        ("2026-01-02T03:04:05+00:00", "2026-01-02 03:04:05.000000"),
        ("2026-01-02T03:04:05.1+00:00", "2026-01-02 03:04:05.100000"),
    ],
)
def test_times_are_loaded_as_the_database_writes_them(text, expected):
    place = Place(1, {"s": 7}, People(1), ("", ""))
    line = orjson.dumps({**GOOD[REFERENCES], "last_modified": text})

    row = RowReader(place, "sqlite").read_reference(1, line)

    assert row == (1, 7, "k", -1, 0, "linked", "e", 5, expected)

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.db.types import load_json
from labeldock.services.importing.parsing import (
    TooManyRows,
    UnusableFile,
    is_task_file,
    parse_file,
)


def parse(text, max_rows=100):
    return parse_file(
        text if isinstance(text, bytes) else text.encode(), max_rows=max_rows
    )


def data_of(text):
    return [load_json(task.data) for task in parse(text)]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a.json", True), ("a/b.JSONL", True), ("a", True), ("a.b/c", True),
        (".hidden", True), ("a.jpg", False), ("a.json.gz", False), ("a.", False),
    ],
)  # fmt: skip
def test_task_files_are_told_by_their_extension(key, expected):
    assert is_task_file(key) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('  \n\t{"a": 1}\n', [{"a": 1}]),
        ('\ufeff{"a": 1}', [{"a": 1}]),
        ('[{"a": 1}, {"data": {"b": 2}}]', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\r\n\r\n  {"a": 2}\r\n', [{"a": 1}, {"a": 2}]),
        ('{"a": "\u2028\x85"}\n{"a": 2}', [{"a": "\u2028\x85"}, {"a": 2}]),
        ('{\n "a": 1\n}', [{"a": 1}]),
        ('{"data": "text"}', [{"data": "text"}]),
        ('{"data": {}, "x": 1}', [{}]),
        ("[]", []),
        (
            '{"a": 1}\n{"a": 12345678901234567890123}',
            [{"a": 1}, {"a": 12345678901234567890123}],
        ),
    ],
)
def test_what_is_in_a_file(text, expected):
    assert data_of(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The file is empty"),
        (" \n ", "The file is empty"),
        ("text", "does not begin with { or \\["),
        ("\ufeff42", "does not begin with { or \\["),
        ('{\n "a": 1,\n "b": \n}', "Broken JSON in line 4"),
        ('[\n{"a": 1},\n{"b"}\n]', "Broken JSON in line 3"),
        ('{"a": 1}\n\n{"b"\n{"c": 1}', "Broken JSON in line 3"),
        ('{"a": 1} {"b": 2}', "Broken JSON in line 1"),
        ('{"a": NaN}', "Broken JSON in line 1"),
        ('{"a": "\\ud800"}', "Broken JSON in line 1"),
        ('{"a": 1e999}', "Broken JSON in line 1"),
        (b'{"a": "\xff"}', "Broken JSON in line 1"),
        ('{"a": ' + "1" * 5000 + "}", "Broken JSON in line 1"),
        ("[" * 3000, "Broken JSON in line 1"),
        ('{"a": ' + "[" * 1000 + "]" * 1000 + "}", "nested too deeply"),
        ("[1]", "Row 0 is a number, not an object"),
        ('[{"a": 1}, null]', "Row 1 is null, not an object"),
        ('{"a": 1}\n[1]', "Row 1 is a list, not an object"),
        ('["a"]', "Row 0 is text, not an object"),
        ("[true]", "Row 0 is true or false, not an object"),
        ('{"annotations": []}', "annotations or predictions but no data"),
        ('{"data": 1, "predictions": []}', "annotations or predictions but no data"),
        ('{"data": {}, "annotations": [1]}', "annotations that are not a list"),
        ('{"data": {}, "annotations": {"a": 1}}', "annotations that are not a list"),
        ('{"data": {}, "predictions": [{"result": {}}]}', "prediction whose result"),
        ('{"data": {}, "annotations": [{"result": [1]}]}', "annotation whose result"),
        ('{"data": {}, "annotations": [{"lead_time": "1"}]}', "lead_time that is not"),
        ('{"data": {}, "predictions": [{"score": true}]}', "score that is not"),
        ('{"data": {}, "predictions": [{"score": ' + "9" * 400 + "}]}", "Broken JSON"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_says_why_and_where(text, message):
    with pytest.raises(UnusableFile, match=message) as caught:
        parse(text)

    assert caught.value.remedy


def test_the_row_at_fault_is_named():
    with pytest.raises(UnusableFile, match="Row 2") as caught:
        parse('{"a": 1}\n\n{"a": 2}\n\n3\n')

    assert caught.value.row == 2


def test_rows_are_bounded():
    assert len(parse("[{},{},{}]", max_rows=3)) == 3
    with pytest.raises(TooManyRows, match="more than 2 rows"):
        parse("[{},{},{}]", max_rows=2)
    with pytest.raises(TooManyRows, match="more than 2 rows"):
        parse("{}\n{}\n{}", max_rows=2)


def documents():
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    leaf = st.none() | st.booleans() | st.integers() | text
    return st.dictionaries(text.filter(lambda t: t != "data"), leaf, max_size=4)


@given(
    st.lists(documents().filter(lambda d: not {"annotations", "predictions"} & set(d)))
)
def test_any_documents_come_out_of_an_array_and_out_of_lines(rows):
    array = json.dumps(rows)
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)

    assert data_of(array) == rows
    if rows:
        assert data_of(lines) == rows


@given(st.binary(max_size=40))
def test_no_bytes_whatever_raise_anything_else(body):
    with contextlib.suppress(UnusableFile):
        assert parse(b"{" + body)

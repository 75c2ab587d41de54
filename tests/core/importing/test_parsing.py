"""From bytes to tasks: what each format may hold, and how the bytes may come."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.db.types import load_json
from labeldock.services.importing.formats import json_rows, tasks, text
from labeldock.services.importing.formats.kinds import Kind, find_kind, is_task_file
from labeldock.services.importing.formats.problems import (
    BadRow,
    PackedTooTightly,
    Place,
    TaskTooLong,
    TooDeep,
    TooManyRows,
    UnusableFile,
)
from labeldock.services.importing.parsing import parse_file
from labeldock.settings import Settings

SETTINGS = Settings()


def parse(content, kind=Kind.JSON, block=4096, settings=SETTINGS):
    body = content if isinstance(content, bytes) else content.encode()
    blocks = [body[start : start + block] for start in range(0, len(body), block)]
    return list(parse_file(blocks, kind, settings))


def data_of(content, kind=Kind.JSON, **more):
    return [load_json(task.data) for task in parse(content, kind, **more)]


@pytest.fixture
def tiny_windows(monkeypatch):
    """Everything is read a few characters at a time."""
    monkeypatch.setattr(text, "_CHUNK", 3)
    monkeypatch.setattr(json_rows, "_DOUBTFUL", 8)


# Names


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a.json", Kind.JSON), ("a/b.JSONL", Kind.LINES), ("a.ndjson", Kind.LINES),
        ("a.csv", Kind.CSV), ("a.Tsv", Kind.TSV), ("a.parquet", Kind.PARQUET),
        ("a.json.gz", Kind.JSON), ("a.jsonl.GZ", Kind.LINES), ("a.csv.gz", Kind.CSV),
        ("a", Kind.UNNAMED), ("a.b/c", Kind.UNNAMED), (".hidden", Kind.UNNAMED),
        ("a.gz", Kind.UNNAMED), (".json", Kind.UNNAMED), ("a//b.json", Kind.JSON),
    ],
)  # fmt: skip
def test_task_files_are_told_by_their_extension(key, kind):
    assert is_task_file(key)
    assert find_kind(key) is kind


@pytest.mark.parametrize(
    "key", ["a.jpg", "a.", "a.json.zip", "a.json.bz2", "a.jpg.gz", "a.xlsx", "a.json~"]
)
def test_what_has_another_extension_is_none(key):
    assert not is_task_file(key)
    with pytest.raises(UnusableFile, match="is not a task file"):
        find_kind(key)


# JSON


@pytest.mark.parametrize("is_tiny", [False, True])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('  \n\t{"a": 1}\n', [{"a": 1}]),
        ('\ufeff{"a": 1}', [{"a": 1}]),
        ('\ufeff \n[{"a": 1}]', [{"a": 1}]),
        ('[{"a": 1}, {"data": {"b": 2}}]', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\r\n\r\n  {"a": 2}\r\n', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\r{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"a": "\u2028\x85"}\n{"a": 2}', [{"a": "\u2028\x85"}, {"a": 2}]),
        ('{\n "a": 1\n}', [{"a": 1}]),
        ('{"data": "text"}', [{"data": "text"}]),
        ('{"data": {}, "x": 1}', [{}]),
        ("[]", []),
        (" [ \n ] ", []),
        ('[{"a": "😀\\\\"}, {"a": "\\u00e9]"}]', [{"a": "😀\\"}, {"a": "é]"}]),
        ('[{"a": 12345678901234567890123}]', [{"a": 12345678901234567890123}]),
        ('[{"a": 1.5e3, "b": true, "c": null}]', [{"a": 1500, "b": True, "c": None}]),
        (
            '{"a": 1}\n{"a": 12345678901234567890123}',
            [{"a": 1}, {"a": 12345678901234567890123}],
        ),
    ],
)
def test_what_is_in_a_file_of_json(content, expected, is_tiny, request):
    if is_tiny:
        request.getfixturevalue("tiny_windows")

    assert data_of(content, block=2 if is_tiny else 4096) == expected


def test_an_object_alone_has_no_row_number_and_others_have():
    assert [task.row_index for task in parse('{\n"a": 1}')] == [-1]
    assert [task.row_index for task in parse('{"a": 1}\n')] == [-1]
    assert [task.row_index for task in parse('[{"a": 1}]')] == [0]
    assert [task.row_index for task in parse('{"a": 1}\n\n{"a": 2}')] == [0, 1]


@pytest.mark.parametrize("is_tiny", [False, True])
@pytest.mark.parametrize(
    ("content", "row", "message"),
    [
        ("", -1, "The file is empty"),
        (" \n ", -1, "nothing but blanks"),
        ("text", -1, "does not begin with { or \\["),
        ("\ufeff42", -1, "does not begin with { or \\["),
        (b"\x89PNG\r\n\x1a\n\xff", -1, "does not begin with { or \\["),
        (" " * 300 + "x", -1, "does not begin with { or \\["),
        (b'\xff\xfe{\0"\0a\0"\0', -1, "UTF-16"),
        ('{\n "a": 1,\n "b": \n}', -1, "Broken JSON in line 4"),
        ('[\n{"a": 1},\n{"b"}\n]', 1, "Broken JSON in line 3"),
        ('[{"a": 1}, {"b": 2', 1, "Broken JSON in line 1"),
        ('[{"a": 1} {"b": 2}]', 0, "expecting , or ] after a row"),
        ('[{"a": 1},]', 1, "Broken JSON in line 1"),
        ('[{"a": 1}]\n]', -1, "line 2: there is something after the array"),
        ("[", 0, "Broken JSON in line 1"),
        ('{"a": 1}\n\n{"b"\n{"c": 1}', 1, "Broken JSON in line 3"),
        ('{"a": 1} {"b": 2}', -1, "something after the object"),
        ('{\n"a": 1}\n{\n"b": 2}', -1, "line 3: there is something after the object"),
        ('{"a": NaN}', -1, "Broken JSON in line 1: NaN is not JSON"),
        ('[{"a": -Infinity}]', 0, "Broken JSON in line 1: -Infinity is not JSON"),
        ('{"a": "\\ud800"}', -1, "cannot be written as UTF-8"),
        ('[{"a": "\\ud800"}]', 0, "cannot be written as UTF-8"),
        ('{"a": 1e999}', -1, "the number 1e999 is too large"),
        (b'{"a": "\xff"}', -1, "not UTF-8: see line 1"),
        (b'{"a": 1}\n{"a": "\xe9"}', -1, "not UTF-8: see line 2"),
        ('{"a": ' + "1" * 5000 + "}", -1, "a number is too long"),
        ('{"b": 1}\n{"a": ' + "1" * 5000 + "}", 1, "line 2: a number is too long"),
        ("[1]", 0, "Row 0 is a number, not an object"),
        ('[{"a": 1}, null]', 1, "Row 1 is null, not an object"),
        ('{"a": 1}\n[1]', 1, "Row 1 is a list, not an object"),
        ('["a"]', 0, "Row 0 is text, not an object"),
        ("[true]", 0, "Row 0 is true or false, not an object"),
    ],
)  # fmt: skip
def test_broken_json_says_why_and_where(content, row, message, is_tiny, request):
    if is_tiny:
        request.getfixturevalue("tiny_windows")

    with pytest.raises(UnusableFile, match=message) as caught:
        parse(content)

    assert caught.value.remedy
    if not is_tiny or row < 0:
        assert caught.value.place == Place(row=row)


def test_lines_by_name_have_their_error_in_the_first_line_too():
    with pytest.raises(UnusableFile, match="line 1: unexpected end of data") as caught:
        parse('{"n": \n{"n": 2}\n', Kind.LINES)

    assert caught.value.place == Place(row=0)
    assert data_of('{\n"n": 2\n}', Kind.LINES) == [{"n": 2}]


def documents():
    characters = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    leaf = st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | characters
    keys = characters.filter(lambda key: key not in {"data", *"_"})
    return st.dictionaries(keys, leaf | st.lists(leaf, max_size=3), max_size=4)


def is_bare(row):
    return not {"annotations", "predictions", "data"} & set(row)


@given(st.lists(documents().filter(is_bare)), st.integers(1, 30))
def test_any_documents_come_out_of_an_array_and_out_of_lines(rows, block):
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    spread = json.dumps(rows, indent=1).replace("\n", "\r\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_CHUNK", block)
        assert data_of(json.dumps(rows)) == rows
        assert data_of(spread, block=block) == rows
        if rows:
            assert data_of(lines) == rows


@given(st.binary(max_size=60), st.sampled_from(list(Kind)))
def test_no_bytes_whatever_raise_anything_else(body, kind):
    for head in (b"", b"{", b"[", b"\x1f\x8b", b"PAR1", b"a,b\n"):
        with contextlib.suppress(UnusableFile):
            parse(head + body, kind)


# Nesting, length, number


def nested(depth):
    return "[" * (depth - 1) + "]" * (depth - 1)


@pytest.mark.parametrize("shape", ['{"a": %s}', '[{"a": %s}]', '{}\n{"a": %s}'])
def test_nesting_is_bounded_to_the_level(shape):
    assert parse(shape % nested(100))
    for depth in (101, 150, 300, 1_000, 1_030, 10_000, 200_000):
        with pytest.raises(TooDeep, match="more than 100 levels deep") as caught:
            parse(shape % nested(depth))
        assert "LABELDOCK_TASK_FILE_MAX_DEPTH" in caught.value.remedy


def test_many_brackets_side_by_side_are_no_nesting():
    assert parse(json.dumps({"a": [[] for _ in range(5000)], "b": "[" * 500}))


@pytest.mark.parametrize("part", ["data", "meta", "annotations", "predictions"])
def test_no_part_of_a_task_may_be_nested_deeper(part):
    document = {"a": json.loads(nested(150))}
    row = {"data": {}, part: document}
    if part.endswith("s"):
        row[part] = [{"result": [document]}]

    with pytest.raises(TooDeep, match="The task is nested"):
        parse(json.dumps(row))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('{"a": "%s"}', Kind.JSON),
        ('[{"a": "%s"}]', Kind.JSON),
        ('{"a": 1}\n{"a": "%s"}', Kind.JSON),
        ('{"data": {}, "annotations": [{"result": [{"a": "%s"}]}]}', Kind.JSON),
        ('a,b\n1,"%s"\n', Kind.CSV),
    ],
)
def test_one_task_is_bounded(content, kind):
    settings = Settings(task_max_length=1000)

    assert parse(content % ("x" * 900), kind, settings=settings)
    with pytest.raises(TaskTooLong, match="more than 1000 characters"):
        parse(content % ("x" * 1100), kind, settings=settings)


@pytest.mark.parametrize(
    ("content", "kind"),
    [("[{},{},{}]", Kind.JSON), ("{}\n{}\n{}", Kind.JSON), ("a\n1\n2\n3", Kind.CSV)],
)
def test_rows_are_bounded(content, kind):
    assert len(parse(content, kind, settings=Settings(task_file_max_rows=3))) == 3
    with pytest.raises(TooManyRows, match="more than 2 rows"):
        parse(content, kind, settings=Settings(task_file_max_rows=2))


def test_what_the_header_of_a_table_multiplies_is_bounded():
    settings = Settings(task_file_max_bytes=10_000)
    table = "name" * 100 + "\n" + "1\n" * 1000

    with pytest.raises(UnusableFile, match="as JSON, larger than 10000") as caught:
        parse(table, Kind.CSV, settings=settings)

    assert caught.value.code == "file_too_large"


# What a row means


def test_what_stands_beside_the_data_is_taken():
    (task,) = parse(
        '{"data": {"a": 1}, "meta": {"m": 1}, "allow_skip": false, "id": 7}'
    )

    assert (task.data, task.meta, task.allow_skip) == ('{"a":1}', '{"m":1}', False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"annotations": []}', "annotations or predictions but no data"),
        ('{"data": 1, "predictions": []}', "annotations or predictions but no data"),
        ('{"data": {}, "annotations": [1]}', "annotations that are not a list"),
        ('{"data": {}, "annotations": {"a": 1}}', "annotations that are not a list"),
        ('{"data": {}, "predictions": [{"result": {}}]}', "prediction whose result"),
        ('{"data": {}, "annotations": [{"result": [1]}]}', "annotation whose result"),
        ('{"data": {}, "annotations": [{"lead_time": "1"}]}', "lead_time that is not"),
        ('{"data": {}, "predictions": [{"score": true}]}', "score that is not"),
        ('{"data": {}, "predictions": [{"score": ' + "9" * 400 + "}]}", "too large"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_task_says_why(content, message):
    with pytest.raises(BadRow, match=message) as caught:
        parse(content)

    assert caught.value.remedy


# Tables


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("a;b\n1;2,3\n", [{"a": "1", "b": "2,3"}]),
        ("a|b\n1|2", [{"a": "1", "b": "2"}]),
        ('"x;y;z",b\n1,2', [{"x;y;z": "1", "b": "2"}]),
        ('\ufeff"a",b\r\n1,\r\n', [{"a": "1", "b": ""}]),
        ('a,b\n"1 ""x""","2\r\n3"\n\n4,5\n', [
            {"a": '1 "x"', "b": "2\r\n3"}, {"a": "4", "b": "5"},
        ]),
        ("data,annotations\n007,[]\n", [{"data": "007", "annotations": "[]"}]),
        ("text\none\ntwo\n", [{"text": "one"}, {"text": "two"}]),
        ("a,b\n", []),
    ],
)  # fmt: skip
def test_what_is_in_a_table(content, expected):
    assert data_of(content, Kind.CSV) == expected


def test_tabs_alone_stand_between_the_cells_of_a_tsv():
    assert data_of('a\tb,c\n1,2\tx "y"\n', Kind.TSV) == [{"a": "1,2", "b,c": 'x "y"'}]


@pytest.mark.parametrize(
    ("content", "row", "message"),
    [
        ("\n\n", -1, "no header"),
        ("a,\n1,2", -1, "line 1: column 2 of the header is unnamed"),
        ("a,b,a\n1,2,3", -1, "line 1: the header names 'a' more than once"),
        ("a,b\n1,2\n3\n", 1, "line 3: the row has 1 cell, the header 2"),
        ("a,b\n1,2,3\n", 0, "line 2: the row has 3 cells, the header 2"),
        ('a,b\n1,"2\n3,4\n', 0, "unexpected end of data"),
        ('a,b\n1,"2"x\n', 0, "line 2: ',' expected after"),
        (b"a,b\n1,2\n\xe9,2\n", 1, "not UTF-8: see line 3"),
        (b"\xff\xfea\0,\0b\0", -1, "not UTF-8: see line 1"),
    ],
)
def test_a_broken_table_says_why_and_where(content, row, message):
    with pytest.raises(UnusableFile, match=message) as caught:
        parse(content, Kind.CSV)

    assert (caught.value.place.row, bool(caught.value.remedy)) == (row, True)


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2
        )
    )
)
def test_any_cells_come_out_of_a_table(rows):
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])

    assert data_of(written.getvalue(), Kind.CSV) == [
        dict(zip("ab", row, strict=True)) for row in rows
    ]


# Gzip

LINES = b'{"n": 1}\n{"n": 2}\n'


@pytest.mark.parametrize("block", [1, 7, 4096])
@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(LINES, mtime=0),
        gzip.compress(LINES[:5], mtime=0) + gzip.compress(LINES[5:], mtime=0),
        gzip.compress(LINES, mtime=0) + bytes(700),
        gzip.compress(LINES, mtime=0) + gzip.compress(b"", mtime=0),
    ],
    ids=["one member", "two members", "padding", "an empty member"],
)
def test_gzip_is_told_by_its_content(packed, block):
    assert data_of(packed, block=block) == [{"n": 1}, {"n": 2}]
    assert data_of(packed, Kind.UNNAMED, block=block) == [{"n": 1}, {"n": 2}]


def test_what_is_called_gzip_and_is_none_is_taken_as_it_is():
    assert find_kind("a.json.gz") is Kind.JSON
    assert data_of('{"n": 1}') == [{"n": 1}]


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (gzip.compress(LINES, mtime=0)[:-1], "cut off"),
        (gzip.compress(LINES, mtime=0)[:12], "cut off"),
        (gzip.compress(LINES, mtime=0)[:2], "cut off"),
        (
            gzip.compress(LINES, mtime=0)[:-8] + b"12345678",
            "broken: incorrect data check",
        ),
        (gzip.compress(LINES, mtime=0) + b"rest", "broken: incorrect header check"),
        (gzip.compress(b"", mtime=0), "The file is empty"),
    ],
)
def test_broken_gzip_says_so(packed, message):
    with pytest.raises(UnusableFile, match=message):
        parse(packed)


def test_a_bomb_is_stopped_long_before_its_size():
    bomb = gzip.compress(bytes(20_000_000))

    with pytest.raises(PackedTooTightly, match="more than 200 times") as caught:
        parse(bomb)
    assert "LABELDOCK_TASK_FILE_MAX_RATIO" in caught.value.remedy
    with pytest.raises(UnusableFile, match="larger than 1000 bytes"):
        parse(bomb, settings=Settings(task_file_max_bytes=1000))


def test_a_small_file_may_be_packed_as_tightly_as_it_likes():
    rows = [{"n": 1}] * 50_000
    packed = gzip.compress(json.dumps(rows).encode())

    assert len(parse(packed, settings=Settings(task_file_max_ratio=2))) == 50_000


# Many tasks


def test_tasks_that_do_not_fit_into_memory_wait_in_a_file(monkeypatch):
    row = {
        "data": {"t": 'a\n"\\😀\0'}, "meta": {"m": 1}, "allow_skip": False,
        "annotations": [{"result": [{"id": "r"}], "lead_time": 2}, {}],
        "predictions": [{"result": [], "score": 0.5, "model_version": "m\0"}],
    }  # fmt: skip
    content = json.dumps([row, {"n": 1}] * 50).encode()
    held = list(parse_file([content], Kind.JSON, SETTINGS))
    monkeypatch.setattr(tasks, "IN_MEMORY", 2000)

    spooled = parse_file([content], Kind.JSON, SETTINGS)

    assert spooled._file is not None
    assert len(spooled) == 100
    assert list(spooled) == held == list(spooled)
    file = spooled._file
    del spooled
    assert file.closed

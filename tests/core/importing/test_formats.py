"""Each format, and each broken one, through a whole run: tasks, links, errors."""

from __future__ import annotations

import gzip
import io
import json
from tempfile import TemporaryFile
from typing import NamedTuple

import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlmodel import select

from labeldock.contract import ObjectPage
from labeldock.db.tables import ImportLink, Task
from labeldock.services.importing import stretches
from labeldock.services.importing.formats import parquet_rows, tasks

MAX_BYTES = 100_000


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def write_parquet(columns, **more):
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file, **more)
    return file.getvalue()


BIRDS = [{"n": 1}, {"n": 2}]
TABLE = write_parquet({"n": [1, 2, 3]}, row_group_size=2, compression="none")
BOMB = write_parquet({"t": ["x" * 5000] * 1000})

GOOD = {
    "object.json": (json.dumps({"data": {"n": 1}}), [(-1, -1, {"n": 1})]),
    "bare.json": ('{"n": 1}', [(-1, -1, {"n": 1})]),
    "spread.json": ('{\n"n": 1\n}\n', [(-1, -1, {"n": 1})]),
    "array.json": (json.dumps(BIRDS), [(-1, 0, {"n": 1}), (-1, 1, {"n": 2})]),
    "lines.jsonl": (lines(*BIRDS), [(-1, 0, {"n": 1}), (-1, 1, {"n": 2})]),
    "lines.ndjson": (lines(*BIRDS), [(-1, 0, {"n": 1}), (-1, 1, {"n": 2})]),
    "table.csv": (b"n,m\n1,a\n", [(-1, 0, {"n": "1", "m": "a"})]),
    "table.tsv": (b"n\tm\n1\ta\n", [(-1, 0, {"n": "1", "m": "a"})]),
    "table.parquet": (TABLE, [(0, 0, {"n": 1}), (0, 1, {"n": 2}), (1, 0, {"n": 3})]),
    "unnamed-parquet": (write_parquet({"n": [9]}), [(0, 0, {"n": 9})]),
    "unnamed": ('{"n": 1}', [(-1, -1, {"n": 1})]),
    "packed.json.gz": (gzip.compress(b'{"n": 1}'), [(-1, -1, {"n": 1})]),
    "packed.jsonl.gz": (gzip.compress(lines({}, {})), [(-1, 0, {}), (-1, 1, {})]),
    "packed.csv.gz": (gzip.compress(b"n\n1\n"), [(-1, 0, {"n": "1"})]),
    "packed.tsv.GZ": (gzip.compress(b"n\tm\n1\t\n"), [(-1, 0, {"n": "1", "m": ""})]),
    "packed.parquet.gz": (gzip.compress(write_parquet({"n": [1]})), [(0, 0, {"n": 1})]),
    "encoded.json": (gzip.compress(b'{"n": 1}'), [(-1, -1, {"n": 1})]),
    "unpacked.json.gz": (b'{"n": 1}', [(-1, -1, {"n": 1})]),
    "odd//.json": (b'{"n": 1}', [(-1, -1, {"n": 1})]),
    "nothing.json": (b"[]", []),
    "header.csv": (b"a,b\n", []),
    "norows.parquet": (write_parquet({"n": pa.array([], "int64")}), []),
}


class Broken(NamedTuple):
    """A file, and what its run has to say of it."""

    content: bytes
    code: str
    row: int
    message: str
    remedy: str


CORRECT = "Correct the file; it is read again once it has changed."
AS_UTF8 = "Save the file as UTF-8; it is read again once it has changed."
AS_MEDIA = "set use_blob_urls (one task per object)"
AT_LEAST_ONE = "Put at least one task in it."
DEEP = b"[" * 10_000 + b"]" * 10_000

BROKEN = {
    "line-3-of-4.jsonl": Broken(
        b'{"n": 1}\n{"n": 2}\n{"n": \n{"n": 4}\n',
        "broken_json", 2, "Broken JSON in line 3: unexpected end of data.", CORRECT,
    ),
    "array.json": Broken(
        b'[{"n": 1},\n {"n" 2}]',
        "broken_json", 1, "Broken JSON in line 2: expecting ':' delimiter.", CORRECT,
    ),
    "cut.json": Broken(
        b'{"data": {"n": [1, 2',
        "broken_json", -1, "Broken JSON in line 1: unexpected end of data.", CORRECT,
    ),
    "deep.json": Broken(
        b'{"data": {"a": ' + DEEP + b"}}",
        "nested_too_deep", -1, "The task is nested more than 100 levels deep.",
        "Flatten it, or raise LABELDOCK_TASK_FILE_MAX_DEPTH.",
    ),
    "deep.jsonl": Broken(
        b'{}\n{"a": ' + DEEP + b"}",
        "nested_too_deep", 1, "Row 1 is nested more than 100 levels deep.",
        "Flatten it, or raise LABELDOCK_TASK_FILE_MAX_DEPTH.",
    ),
    "deep-array.json": Broken(
        DEEP,
        "nested_too_deep", 0, "Row 0 is nested more than 100 levels deep.",
        "Flatten it, or raise LABELDOCK_TASK_FILE_MAX_DEPTH.",
    ),
    "size-0.json": Broken(b"", "empty_file", -1, "The file is empty.", AT_LEAST_ONE),
    "size-0": Broken(b"", "empty_file", -1, "The file is empty.", AT_LEAST_ONE),
    "blank.json": Broken(
        b" \n\n", "empty_file", -1, "The file holds nothing but blanks.", AT_LEAST_ONE
    ),
    "picture": Broken(
        b"\x89PNG\r\n\x1a\n", "not_a_task_file", -1,
        "The file does not begin with { or [, so it is not a task file.", AS_MEDIA,
    ),
    "picture.jpg": Broken(
        b"JFIF", "unsupported_format", -1, "is not a task file (.json,", AS_MEDIA
    ),
    "latin.json": Broken(
        b'{"a": "\xe9"}', "not_utf8", -1, "The file is not UTF-8: see line 1.", AS_UTF8
    ),
    "number.json": Broken(
        b"[{}, 7]", "bad_row", 1, "Row 1 is a number, not an object.", CORRECT
    ),
    "opinion.json": Broken(
        b'{"annotations": []}', "bad_row", -1,
        "The task has annotations or predictions but no data.", CORRECT,
    ),
    "rows.jsonl": Broken(
        b"{}\n" * 6, "too_many_rows", -1, "The file has more than 5 rows.",
        "Split it, or raise LABELDOCK_TASK_FILE_MAX_ROWS.",
    ),
    "large.json": Broken(
        json.dumps({"n": "x" * MAX_BYTES}).encode(), "file_too_large", -1,
        "The file is larger than 100000 bytes.",
        "Split it, or raise LABELDOCK_TASK_FILE_MAX_BYTES.",
    ),
    "long.json": Broken(
        json.dumps([{"n": "x" * 60_000}]).encode(), "task_too_long", 0,
        "Row 0 has more than 50000 characters.",
        "Keep large parts in objects of their own, or raise LABELDOCK_TASK_MAX_LENGTH.",
    ),
    "cut.json.gz": Broken(
        gzip.compress(b'{"n": 1}')[:-5], "broken_gzip", -1,
        "The gzip file is cut off: its end is missing.", CORRECT,
    ),
    "crc.json.gz": Broken(
        gzip.compress(b'{"n": 1}')[:-8] + b"\0" * 8, "broken_gzip", -1,
        "The gzip file is broken: incorrect data check.", CORRECT,
    ),
    "bomb.json.gz": Broken(
        gzip.compress(b" " * 3_000_000), "file_too_large", -1,
        "The file is larger than 100000 bytes.",
        "Split it, or raise LABELDOCK_TASK_FILE_MAX_BYTES.",
    ),
    "ragged.csv": Broken(
        b"a,b\n1,2\n3\n", "broken_csv", 1,
        "Broken table in line 3: the row has 1 cell, the header 2.", CORRECT,
    ),
    "unnamed.csv": Broken(
        b"a,,b\n1,2,3\n", "broken_csv", -1,
        "Broken table in line 1: column 2 of the header is unnamed.", CORRECT,
    ),
    "twice.tsv": Broken(
        b"a\ta\n1\t2\n", "broken_csv", -1,
        "Broken table in line 1: the header names 'a' more than once.", CORRECT,
    ),
    "open-quote.csv": Broken(
        b'a,b\n1,"2\n', "broken_csv", 0,
        "Broken table in line 2: unexpected end of data.", CORRECT,
    ),
    "latin.csv": Broken(
        b"a\nb\n\xe9\n", "not_utf8", 1, "The file is not UTF-8: see line 3.", AS_UTF8
    ),
    "footer.parquet": Broken(
        TABLE[:-12] + b"\xff" * 4 + TABLE[-8:], "broken_parquet", -1,
        "Broken Parquet: ", CORRECT,
    ),
    "cut.parquet": Broken(
        TABLE[:-4], "broken_parquet", -1,
        "Broken Parquet: Parquet magic bytes not found in footer.", CORRECT,
    ),
    "page.parquet": Broken(
        TABLE[:10] + b"\xff" * 20 + TABLE[30:], "broken_parquet", -1,
        "Broken Parquet: ", CORRECT,
    ),
    "bomb.parquet": Broken(
        write_parquet({"t": ["x" * 40_000] * 5}), "file_too_large", -1,
        "The tasks of the file are, as JSON, larger than 100000 bytes.",
        "Split it, or raise LABELDOCK_TASK_FILE_MAX_BYTES.",
    ),
    "rows.parquet": Broken(
        write_parquet({"n": [0] * 6}), "too_many_rows", -1,
        "The file has more than 5 rows.",
        "Split it, or raise LABELDOCK_TASK_FILE_MAX_ROWS.",
    ),
    "row.parquet": Broken(
        write_parquet({"data": [{"n": 1}] * 2, "annotations": ["", "x"]}),
        "bad_row", 1,
        "Row 1 of row group 0 has annotations that are not a list of objects.", CORRECT,
    ),
    "alone": Broken(
        json.dumps({
            "id": 3, "task": 7, "result": [], "was_cancelled": False,
            "completed_by": None,
        }).encode(),
        "bad_row", -1, "The task is an annotation without the data of its task.",
        "Export tasks with their annotations, and import those files.",
    ),
}  # fmt: skip


@pytest.fixture
def limited_place(open_app, installation, build_workplace):
    app = open_app(
        installation,
        task_file_max_bytes=MAX_BYTES,
        task_file_max_rows=5,
        task_max_length=50_000,
    )
    return build_workplace(app)


@pytest.fixture
def found(limited_place):
    """What an object became: its rows and their data, in order."""

    def list_rows(key):
        with limited_place.app.database.read() as session:
            query = select(ImportLink).where(ImportLink.key == key)
            links = sorted(
                session.exec(query), key=lambda link: (link.row_group, link.row_index)
            )
            return [
                (
                    link.row_group,
                    link.row_index,
                    session.get_one(Task, link.task_id).data,
                )
                for link in links
                if link.task_id
            ]

    return list_rows


def test_each_format_gives_its_tasks(limited_place, bucket, found):
    bucket.put_all({key: content for key, (content, _) in GOOD.items()})

    run = limited_place.sync(limited_place.add(recursive_scan=True))

    assert (run.state, limited_place.errors(run)) == ("completed", [])
    assert {key: found(key) for key in GOOD} == {
        key: rows for key, (_, rows) in GOOD.items()
    }
    assert run.counts["created"] == sum(len(rows) for _, rows in GOOD.values())


def test_each_broken_file_says_what_is_wrong_and_the_others_come(
    limited_place, bucket, found
):
    bucket.put_all({key: broken.content for key, broken in BROKEN.items()})
    bucket.put_all({"a-good.json": '{"n": 1}', "z-good.json": '{"n": 2}'})

    run = limited_place.sync(limited_place.add())

    assert run.state == "completed_with_errors"
    assert (run.counts["created"], run.counts["failed"]) == (2, len(BROKEN))
    errors = {error.key: error for error in limited_place.errors(run)}
    assert set(errors) == set(BROKEN)
    for key, broken in BROKEN.items():
        error = errors[key]
        assert (key, error.code, error.row_index) == (key, broken.code, broken.row)
        assert broken.message in error.message, key
        assert broken.remedy in error.remedy, key
        assert found(key) == []


def test_folder_markers_are_no_objects(limited_place, bucket, found):
    bucket.put_all({"folder/": b"", "folder/sub/": b"{}", "folder/a.json": b"{}"})

    run = limited_place.sync(limited_place.add(recursive_scan=True))

    assert (run.state, limited_place.errors(run)) == ("completed", [])
    assert (run.counts["seen"], run.counts["created"]) == (3, 1)
    assert found("folder/a.json") == [(-1, -1, {})]


def test_a_file_of_2_gb_is_an_error_before_it_is_read(place, provider, bucket):
    bucket.put_all({"a.json": '{"n": 1}', "huge.json": "{}"})

    def pretend(page):
        objects = [
            info._replace(size=2 * 1024**3) if info.key == "huge.json" else info
            for info in page.objects
        ]
        return ObjectPage(tuple(objects), page.prefixes, page.unreadable, page.cursor)

    storage = place.add()
    provider.after["list_objects"] = pretend
    run = place.sync(storage)

    (error,) = place.errors(run)
    assert (error.key, error.code) == ("huge.json", "file_too_large")
    assert (run.counts["created"], provider.calls["get_data"]) == (1, 1)


def test_parquet_without_its_extra_is_an_error_with_the_command_until_it_is_there(
    place, provider, bucket, ledger, monkeypatch
):
    bucket.put_all({"a.json": '{"n": 1}', "b.parquet": write_parquet({"n": [2]})})
    storage = place.add()

    def fail(name):
        raise ImportError(name)

    with monkeypatch.context() as patch:
        patch.setattr(parquet_rows, "import_module", fail)
        run = place.sync(storage)

    (error,) = place.errors(run)
    assert (error.key, error.code) == ("b.parquet", "extra_missing")
    assert "pip install 'labeldock[parquet]'" in error.remedy
    assert provider.calls["get_data"] == 1
    assert place.sync(storage).state == "completed"
    assert ledger.data() == [{"n": 1}, {"n": 2}]


def test_many_rows_of_one_file_are_one_transaction(place, bucket, ledger):
    rows = [
        {
            "data": {"n": n, "text": "x" * 500},
            "annotations": [{"result": [], "lead_time": n}],
            "predictions": [{"result": [], "score": n}] * (n % 2),
        }
        for n in range(7000)
    ]
    bucket.put_all({"a.json": "{}", "b.json": json.dumps(rows), "c.json": "{}"})

    run = place.sync(place.add())

    assert (run.state, run.counts["created"]) == ("completed", 7002)
    tasks = ledger.tasks()
    assert [task.data for task in tasks] == [{}, *(row["data"] for row in rows), {}]
    annotations, predictions = ledger.opinions()
    assert [a.task_id for a in annotations] == [task.id for task in tasks[1:-1]]
    assert [a.lead_time for a in annotations] == [float(n) for n in range(7000)]
    assert [p.score for p in predictions] == [float(n) for n in range(7000) if n % 2]
    project = ledger.project()
    assert (project.task_number, project.total_annotations_number) == (7002, 7000)
    assert project.total_predictions_number == 3500


def test_files_that_unpack_to_much_are_committed_few_at_a_time(
    open_app, sqlite_installation, build_workplace, bucket, monkeypatch
):
    app = open_app(sqlite_installation, read_threads=1)
    place = build_workplace(app)
    opened = []

    def open_file(**options):
        opened.append(TemporaryFile(**options))  # noqa: SIM115  closed by its spool
        most.append(sum(not file.closed for file in opened))
        return opened[-1]

    most = []
    monkeypatch.setattr(tasks.tempfile, "TemporaryFile", open_file)
    monkeypatch.setattr(tasks, "IN_MEMORY", 10_000)
    monkeypatch.setattr(stretches, "MAX_BYTES", 40_000)
    packed = gzip.compress(json.dumps([{"t": "x" * 1000}] * 11).encode())
    bucket.put_all({f"{number:02}.json.gz": packed for number in range(40)})

    run = place.sync(place.add())

    assert (run.state, run.counts["created"]) == ("completed", 440)
    assert len(opened) == 40
    assert max(most) <= 8
    assert all(file.closed for file in opened)

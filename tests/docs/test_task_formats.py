"""The page about task files: its examples are imported, its tables are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labeldock.contract.values import MAX_KEY_BYTES
from labeldock.db.types import load_json
from labeldock.services.importing.formats import kinds, problems
from labeldock.services.importing.parsing import parse_file
from labeldock.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "task-formats.md"
TEXT = PAGE.read_text("utf-8")
EXAMPLES = {
    name: (language, body)
    for language, name, body in re.findall(
        r"^```(\w+) (\S+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL
    )
}
BIRD = "s3://media/birds/{}.jpg"
EXPECTED = {
    "one.json": [{"image": BIRD.format(1)}],
    "bare.json": [{"image": BIRD.format(2), "place": "pond"}],
    "array.json": [{"image": BIRD.format(3)}, {"image": BIRD.format(4)}],
    "lines.jsonl": [{"image": BIRD.format(5)}, {"image": BIRD.format(6)}],
    "labelled.json": [{"image": BIRD.format(7)}],
    "birds.csv": [
        {"image": BIRD.format(8), "place": "pond, north", "number": "007"},
        {"image": BIRD.format(9), "place": "", "number": "12"},
    ],
    "birds.parquet": [{"image": BIRD.format(10), "number": 10}],
}


def list_rows(head):
    """The cells of the table that begins with this row."""
    table = TEXT.partition(head)[2].partition("\n\n")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture
def read_tasks(tmp_path, monkeypatch):
    """The tasks of an example; one in Python makes the file."""
    monkeypatch.chdir(tmp_path)

    def read(name):
        language, body = EXAMPLES[name]
        content = body.encode()
        if language == "python":
            exec(compile(body, name, "exec"), {})
            content = Path(name).read_bytes()
        return list(parse_file([content], kinds.find_kind(name), Settings()))

    return read


def test_every_example_is_looked_at():
    assert set(EXAMPLES) == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_gives_its_tasks(read_tasks, name):
    assert [load_json(task.data) for task in read_tasks(name)] == EXPECTED[name]


def test_what_stands_beside_the_data_arrives(read_tasks):
    (one,) = read_tasks("one.json")
    assert (one.meta, one.allow_skip) == ('{"camera":3}', False)

    (labelled,) = read_tasks("labelled.json")
    (annotation,), (prediction,) = labelled.annotations, labelled.predictions
    assert load_json(annotation.result)[0]["value"] == {"choices": ["gull"]}
    assert annotation[1:] == (False, True, 4.2)
    assert prediction == ("[]", 0.9, "birds-1")


def test_every_extension_is_named():
    named = set(re.findall(r"`(\.\w+)`", TEXT.partition("Each of these")[0]))

    assert named == set(filter(None, kinds._KINDS))


def test_the_limits_are_those_of_the_settings():
    fields = Settings.model_fields
    rows = list_rows("| setting | default | what it bounds |")

    assert len(rows) == 7
    for setting, default, _ in rows:
        name = setting.strip("`").removeprefix("LABELDOCK_").lower()
        assert str(fields[name].default) == default, name


def test_the_codes_are_those_of_the_errors():
    named = set()
    for codes, _ in list_rows("| code | what is wrong |"):
        named |= set(re.findall(r"`(\w+)`", codes))

    kinds_of = problems.UnusableFile.__subclasses__()
    assert named == {kind.code for kind in kinds_of} | {"key_too_long"}
    assert f"more than {MAX_KEY_BYTES} bytes" in TEXT

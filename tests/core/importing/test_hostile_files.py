"""Files damaged at random, and large ones: an error or tasks, in bounded memory."""

from __future__ import annotations

import gzip
import io
import json
import random
import subprocess
import sys
import tracemalloc
from collections import Counter

import pyarrow as pa
import pytest
from pyarrow import parquet

from labeldock.services.importing.formats.kinds import Kind
from labeldock.services.importing.formats.problems import UnusableFile
from labeldock.services.importing.parsing import parse_file
from labeldock.settings import Settings

SETTINGS = Settings()
MIB = 2**20
ROWS = [{"n": n, "t": f"bird {n}", "l": [{"k": n}, {"k": None}]} for n in range(60)]


def write_parquet(compression):
    file = io.BytesIO()
    table = pa.Table.from_pylist(ROWS).append_column(
        "at", pa.array([10**18] * len(ROWS), pa.timestamp("ns"))
    )
    parquet.write_table(table, file, compression=compression, row_group_size=25)
    return file.getvalue()


FILES = {
    "array": (Kind.JSON, json.dumps(ROWS, indent=1).encode()),
    "lines": (Kind.LINES, b"\n".join(json.dumps(row).encode() for row in ROWS)),
    "gzip": (Kind.JSON, gzip.compress(json.dumps(ROWS).encode())),
    "csv": (Kind.CSV, b'a,"b c"\r\n' + b'1,"x ""y"""\r\n2,\r\n' * 20),
    "parquet": (Kind.PARQUET, write_parquet("none")),
    "snappy": (Kind.PARQUET, write_parquet("snappy")),
    "zstd": (Kind.PARQUET, write_parquet("zstd")),
}


def damage(content, rng):
    """Bytes changed, cut out, doubled, or the end cut off."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(damaged))
        match rng.randrange(4):
            case 0:
                del damaged[place : place + rng.randint(1, 20)]
            case 1:
                damaged[place:place] = damaged[place : place + rng.randint(1, 20)]
            case _:
                damaged[place] = rng.randrange(256)
        damaged = damaged or bytearray(b"x")
    return bytes(
        damaged[: rng.randrange(len(damaged)) + 1 if rng.random() < 0.2 else None]
    )


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_gives_tasks_or_says_what_is_wrong(name):
    kind, content = FILES[name]
    rng = random.Random(f"damage {name}")
    outcomes, said = Counter(), []
    for _ in range(300):
        try:
            tasks = parse_file([damage(content, rng)], kind, SETTINGS)
            outcomes["tasks" if list(tasks) else "nothing"] += 1
        except UnusableFile as error:
            said.append(error)
            outcomes[error.code] += 1

    sys.stdout.write(f"{name}: {dict(outcomes)}\n")
    assert outcomes.total() == 300
    assert all(error.remedy and len(error.message) < 400 for error in said)
    assert outcomes["tasks"] < 300


# Memory


def build_blocks(head, row, separator, tail, size=8 * MIB):
    """A file of this size that is never there as a whole."""
    yield head
    for number in range(size // len(row)):
        yield (separator if number else b"") + row
    yield tail


ROW = json.dumps({"text": "x" * 480, "n": [1, {"a": 2}]}).encode()
LARGE = {
    "array": (Kind.JSON, (b"[", ROW, b",\n", b"]")),
    "lines": (Kind.LINES, (b"", ROW, b"\n", b"\n")),
    "csv": (Kind.CSV, (b"text,n\n", b"x" * 500 + b",1", b"\n", b"\n")),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_is_never_held_as_a_whole(name):
    kind, parts = LARGE[name]
    tracemalloc.start()
    try:
        tasks = parse_file(build_blocks(*parts), kind, SETTINGS)
        count = sum(1 for _ in tasks)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    sys.stdout.write(f"{name}: {count:,} tasks, {peak / MIB:.1f} MiB at most\n")
    assert count == len(tasks) > 16_000
    assert peak < 4 * MIB


BOMB = """
import resource, sys
import pyarrow as pa
from pyarrow import parquet
from labeldock.services.importing.formats.kinds import Kind
from labeldock.services.importing.formats.problems import UnusableFile
from labeldock.services.importing.parsing import parse_file
from labeldock.settings import Settings

def read_peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

words = pa.array(["x" * 2**20])
table = pa.table({"t": pa.DictionaryArray.from_arrays(pa.array([0] * 5000), words)})
parquet.write_table(table, sys.argv[1])
before = read_peak()
try:
    parse_file([open(sys.argv[1], "rb").read()], Kind.PARQUET, Settings())
except UnusableFile as error:
    print(error.code, read_peak() - before)
"""


def test_a_parquet_file_that_repeats_one_long_value_does_not_fill_the_memory(tmp_path):
    command = [sys.executable, "-c", BOMB, str(tmp_path / "bomb.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    code, grown = done.stdout.split()
    size = (tmp_path / "bomb.parquet").stat().st_size
    sys.stdout.write(f"5,000 MiB in {size:,} bytes: {code}, {grown} MiB grown\n")
    assert code == "file_too_large"
    assert int(grown) < 300

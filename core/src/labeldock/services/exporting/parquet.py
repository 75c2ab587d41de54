"""A Parquet file of annotations: one row for each, with the data of its task.

Results, data and meta are JSON texts, since their shape is the project's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from labeldock.services.exporting.payloads import Document, encode_value

_COLUMNS: Final = {
    "annotation_id": "int64", "task_id": "int64", "inner_id": "int64",
    "project_id": "int64", "completed_by": "string", "result": "string",
    "was_cancelled": "bool", "ground_truth": "bool", "lead_time": "double",
    "created_at": "time", "updated_at": "time", "data": "string", "meta": "string",
}  # fmt: skip
"""The columns and their types; times are in UTC, to the microsecond."""


def write_parquet(path: Path, pages: Iterator[list[Document]]) -> None:
    """Write pages of annotations with their tasks, each as a row group."""
    import pyarrow as pa  # noqa: PLC0415  an extra, and 0.2 s to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    types = {
        "int64": pa.int64(), "string": pa.string(), "bool": pa.bool_(),
        "double": pa.float64(), "time": pa.timestamp("us", tz="UTC"),
    }  # fmt: skip
    schema = pa.schema([(name, types[kind]) for name, kind in _COLUMNS.items()])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for page in pages:
            rows = [_build_row(document) for document in page]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _build_row(document: Document) -> dict[str, Any]:
    task = document["task"]
    person = document["completed_by"]
    return {
        "annotation_id": document["id"],
        "task_id": task["id"],
        "inner_id": task["inner_id"],
        "project_id": document["project"],
        "completed_by": person and person["email"],
        "result": encode_value(document["result"]),
        "was_cancelled": document["was_cancelled"],
        "ground_truth": document["ground_truth"],
        "lead_time": document["lead_time"],
        "created_at": document["created_at"],
        "updated_at": document["updated_at"],
        "data": encode_value(task["data"]),
        "meta": encode_value(task["meta"]),
    }

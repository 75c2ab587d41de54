"""Which objects are task files: told by the ends of their names."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from labeldock.services.importing.formats.problems import UnsupportedFormat


class Kind(StrEnum):
    """How a task file is written.

    JSON: an object, an array, or an object on each line, whichever it turns out to be.
    LINES: the same, by the name an object on each line.
    UNNAMED: no extension; the content has to say.
    """

    JSON = "json"
    LINES = "lines"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    UNNAMED = "unnamed"


_KINDS: Final = {
    ".json": Kind.JSON,
    ".jsonl": Kind.LINES,
    ".ndjson": Kind.LINES,
    ".csv": Kind.CSV,
    ".tsv": Kind.TSV,
    ".parquet": Kind.PARQUET,
    "": Kind.UNNAMED,
}
_GZIP: Final = ".gz"
_PACKED: Final = (_GZIP, ".parquet")
NAMES: Final = (
    ".json, .jsonl, .ndjson, .csv, .tsv, .parquet, each also with .gz, or without "
    "extension"
)


def is_task_file(key: str) -> bool:
    """Whether a key may name a task file: by extension, or because it has none."""
    return _find_extension(key) in _KINDS


def find_kind(key: str) -> Kind:
    """How the file of this key is written, as far as its name tells.

    Raises:
        UnsupportedFormat: it is no task file.
    """
    kind = _KINDS.get(_find_extension(key))
    if kind is None:
        raise UnsupportedFormat(
            f"{key} is not a task file ({NAMES}).",
            remedy="If these objects are media, set use_blob_urls (one task per "
            "object); else set regex_filter so that only task files pass.",
        )
    return kind


def is_packed(key: str) -> bool:
    """Whether the file is compressed, as far as its name tells."""
    return key.lower().endswith(_PACKED)


def _find_extension(key: str) -> str:
    """The extension in small letters, without `.gz`; "" for none, and `.hidden`."""
    name = key.rpartition("/")[2].lower().removesuffix(_GZIP)
    stem, dot, extension = name.rpartition(".")
    return dot + extension if stem else ""

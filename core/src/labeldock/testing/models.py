"""What a storage has to answer, said in the simplest way."""

from __future__ import annotations

from collections.abc import Iterable

from labeldock.contract import ListQuery


def sort_keys(keys: Iterable[str]) -> list[str]:
    """Keys in the order of their UTF-8 bytes."""
    return sorted(keys, key=str.encode)


def list_expected(keys: Iterable[str], query: ListQuery) -> tuple[list[str], list[str]]:
    """The keys and the prefixes that a whole listing has to give, both in order."""
    found = sort_keys(key for key in keys if _is_wanted(key, query))
    if query.delimiter is None:
        return found, []
    folded = {key: _fold(key, query.prefix, query.delimiter) for key in found}
    objects = [key for key in found if folded[key] is None]
    return objects, sort_keys({each for each in folded.values() if each is not None})


def _is_wanted(key: str, query: ListQuery) -> bool:
    is_after = query.after_key is None or key.encode() > query.after_key.encode()
    is_within = query.upto_key is None or key.encode() <= query.upto_key.encode()
    return key.startswith(query.prefix) and is_after and is_within


def _fold(key: str, prefix: str, delimiter: str) -> str | None:
    end = key.find(delimiter, len(prefix))
    return None if end < 0 else key[: end + len(delimiter)]

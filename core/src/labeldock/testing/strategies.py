"""Hypothesis strategies and settings for the properties of the kit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from labeldock.contract import ListQuery

LETTERS: Final = "ab/.-0\u00e9\U0001f600"
"""Few characters, so that prefixes, folders and neighbours in order meet often. Some
sort before the slash and some after it, one is beyond the first 65,536."""


def build_settings(examples: int, **further: Any) -> settings:  # as hypothesis has them
    """How properties of a storage are tried: no deadline, and nothing kept on disk."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=True,
        # Against a server each step is slow: no further phase than these.
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        **further,
    )


def short_keys() -> st.SearchStrategy[str]:
    """Keys of few characters, many of them alike."""
    return st.text(LETTERS, min_size=1, max_size=6)


def any_keys(is_legal: Callable[[str], bool]) -> st.SearchStrategy[str]:
    """Keys of any text that the storage can hold."""
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.text(characters, min_size=1, max_size=60).filter(is_legal)


def queries(keys: Collection[str]) -> st.SearchStrategy[ListQuery]:
    """Listings of one level or all, with bounds at keys and beside them."""
    bounds = st.sampled_from([*keys, "a", "b"]) | short_keys()
    return st.builds(
        ListQuery,
        prefix=st.sampled_from(["", "a", "a/", "b/", "\u00e9"]),
        delimiter=st.sampled_from([None, "/"]),
        after_key=st.none() | bounds,
        upto_key=st.none() | bounds,
        limit=st.integers(1, 5),
    )

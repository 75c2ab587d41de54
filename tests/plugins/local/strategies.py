"""Keys as people and programs name files, the nasty ones first."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = (
    "a",
    "a-b",
    "a.txt",
    "a0",
    "b",
    "A",
    " ",
    " lead",
    "trail ",
    "#?%+&",
    "%2F",
    "\u00e9",
    "e\u0301",
    ".hidden",
    "...",
    "new\nline",
    "back\\slash",
    "x" * 255,
    "\u00e9" * 127,
    "~",
    "\x01",
    "\x7f",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\U00010000",
    "\U0010ffff",
    "\u202e",
    ".labeldock-mine",
    "'\"$(x)`;",
)

free_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in {".", ".."})

names = st.one_of(st.sampled_from(NASTY[:6]), st.sampled_from(NASTY), free_names)

keys = st.lists(names, min_size=1, max_size=4).map("/".join)


@st.composite
def key_sets(draw):
    """Sets of keys that can be files at the same time: none is another's folder."""
    chosen = set()
    for key in draw(st.lists(keys, max_size=25)):
        parents = {"/".join(key.split("/")[:n]) for n in range(1, key.count("/") + 1)}
        if not (
            parents & chosen or any(other.startswith(f"{key}/") for other in chosen)
        ):
            chosen.add(key)
    return chosen


@st.composite
def bounds(draw, some_keys):
    """A text to start or stop at: a key, a part of one, or something near it."""
    if not some_keys:
        return draw(keys)
    key = draw(st.sampled_from(sorted(some_keys)))
    cut = draw(st.integers(0, len(key)))
    tail = draw(
        st.sampled_from(["", "", "", "/", "0", "!", "\0", "//", "/..", "\ud800"])
    )
    return key[:cut] + tail if draw(st.booleans()) else key + tail

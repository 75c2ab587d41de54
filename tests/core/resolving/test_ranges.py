"""Range headers: what they ask for, and how much of it is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract import ByteRange
from labeldock.services.resolving.ranges import (
    is_long_suffix,
    limit_suffix,
    parse_range,
)

LIMIT = 100


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        # well-formed
        ("bytes=0-9", ByteRange(0, 9)),
        ("bytes=5-5", ByteRange(5, 5)),
        ("Bytes=5-6", ByteRange(5, 6)),
        ("bytes= 5-6 ", ByteRange(5, 6)),
        ("bytes=-7", ByteRange(None, 7)),
        ("bytes=-0", ByteRange(None, 0)),
        # cut
        ("bytes=0-", ByteRange(0, 99)),
        ("bytes=50-", ByteRange(50, 149)),
        ("bytes=50-149", ByteRange(50, 149)),
        ("bytes=50-150", ByteRange(50, 149)),
        ("bytes=0-99999999999999999999999", ByteRange(0, 99)),
        ("bytes=99999999999999999999999-", ByteRange(10**18, 10**18 + 99)),
        ("bytes=-200", ByteRange(None, 200)),
        # ignored
        (None, None),
        ("", None),
        ("bytes", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=50-10", None),
        ("bytes=--5", None),
        ("bytes=-5-", None),
        ("bytes=1.5-2", None),
        ("bytes=0-1,3-4", None),
        ("bytes=" + ",".join(["0-9"] * 1000), None),
        ("items=0-9", None),
        ("bytes=\u0660-\u0669", None),
        ("bytes=0 - 9", None),
    ],
)
def test_a_range_header_is_read_as_the_rfc_says(header, wanted):
    assert parse_range(header, LIMIT) == wanted


def test_a_suffix_beyond_the_limit_is_given_from_its_first_byte():
    wanted = parse_range("bytes=-200", LIMIT)

    assert is_long_suffix(wanted, LIMIT)
    assert not is_long_suffix(ByteRange(None, 100), LIMIT)
    assert limit_suffix(wanted, 1000, LIMIT) == ByteRange(800, 899)
    assert limit_suffix(wanted, 150, LIMIT) == ByteRange(0, 99)
    assert limit_suffix(wanted, 0, LIMIT).resolve(0) is None


NUMBERS = st.integers(0, 400)


@given(NUMBERS, st.none() | NUMBERS, st.integers(0, 300))
def test_a_range_is_the_beginning_of_what_was_asked_for(first, last, size):
    data = bytes(i % 251 for i in range(size))

    wanted = parse_range(f"bytes={first}-{'' if last is None else last}", LIMIT)

    asked = data[first:] if last is None else data[first : last + 1]
    if last is not None and last < first:
        assert wanted is None
    elif (part := wanted.resolve(size)) is None:
        assert not asked
    else:
        assert data[part.first : part.last + 1] == asked[:LIMIT]

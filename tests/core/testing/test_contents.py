"""What the suites say about contents."""

from __future__ import annotations

import pytest

from labeldock.testing.contents import assert_same_bytes, build_bytes

DATA = build_bytes(2**20)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (DATA[:100], "100 bytes instead of 1048576, .* from byte 100 on: b'' instead"),
        (DATA[:99] + b"?" + DATA[100:], "from byte 99 on: b'\\?0"),
        (DATA + b"rest", "1048580 bytes .* from byte 1048576 on: b'rest' instead"),
    ],
    ids=["shorter", "other", "longer"],
)
def test_where_contents_part_is_said_briefly(found, message):
    with pytest.raises(AssertionError, match=message) as caught:
        assert_same_bytes(found, DATA)

    assert len(str(caught.value)) < 300


def test_equal_contents_are_fine():
    assert_same_bytes(bytes(DATA), DATA)

"""Numbers that JSON does not know are refused, also where text is taken for them."""

from __future__ import annotations

import pytest

from labeldock.contract import InvalidInput
from labeldock.web.fields import parse_number


@pytest.mark.parametrize(("text", "number"), [("1.5", 1.5), (" -2 ", -2.0), ("", None)])
def test_a_number_may_come_as_text(text, number):
    assert parse_number(text, "score") == number


@pytest.mark.parametrize(
    "value", ["nan", "NaN", "inf", "-Infinity", "1e999", "9" * 400, True, "x", []]
)
def test_what_is_no_finite_number_is_refused_with_its_field(value):
    with pytest.raises(InvalidInput) as caught:
        parse_number(value, "score")

    assert caught.value.field == "score"
    assert caught.value.remedy

"""Conditional requests, in the order and with the comparisons of RFC 9110."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from labeldock.services.resolving.conditions import (
    Outcome,
    Validators,
    allows_range,
    build_etag,
    check_conditions,
    has_conditions,
    render_date,
)

CHANGED = datetime(2026, 5, 4, 3, 2, 1, 500_000, UTC)
DATE = "Mon, 04 May 2026 03:02:01 GMT"
EARLIER = "Mon, 04 May 2026 03:02:00 GMT"
LATER = "Mon, 04 May 2026 03:02:02 GMT"
CURRENT = Validators('"abc"', CHANGED)

SEND, KNOWN, FAILED = Outcome.SEND, Outcome.NOT_MODIFIED, Outcome.FAILED


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({}, SEND),
        # If-None-Match: weakly
        ({"if-none-match": '"abc"'}, KNOWN),
        ({"if-none-match": 'W/"abc"'}, KNOWN),
        ({"if-none-match": '"x", "abc"'}, KNOWN),
        ({"if-none-match": '"x",W/"abc" , "y"'}, KNOWN),
        ({"if-none-match": "*"}, KNOWN),
        ({"if-none-match": '"x", "y"'}, SEND),
        ({"if-none-match": "abc"}, SEND),
        ({"if-none-match": '"abc'}, SEND),
        ({"if-none-match": '"a,bc"'}, SEND),
        ({"if-none-match": ""}, SEND),
        # If-Modified-Since
        ({"if-modified-since": DATE}, KNOWN),
        ({"if-modified-since": LATER}, KNOWN),
        ({"if-modified-since": EARLIER}, SEND),
        ({"if-modified-since": "yesterday"}, SEND),
        ({"if-modified-since": "Monday, 04-May-26 03:02:01 GMT"}, KNOWN),
        ({"if-modified-since": "Mon May  4 03:02:01 2026"}, KNOWN),
        # an ETag counts for more than a date
        ({"if-none-match": '"x"', "if-modified-since": DATE}, SEND),
        ({"if-none-match": '"abc"', "if-modified-since": EARLIER}, KNOWN),
        # If-Match: strongly
        ({"if-match": '"abc"'}, SEND),
        ({"if-match": "*"}, SEND),
        ({"if-match": '"x", "abc"'}, SEND),
        ({"if-match": 'W/"abc"'}, FAILED),
        ({"if-match": '"x"'}, FAILED),
        ({"if-match": '"abc"', "if-none-match": '"abc"'}, KNOWN),
        # If-Unmodified-Since
        ({"if-unmodified-since": DATE}, SEND),
        ({"if-unmodified-since": EARLIER}, FAILED),
        ({"if-unmodified-since": "never"}, SEND),
        ({"if-match": '"abc"', "if-unmodified-since": EARLIER}, SEND),
    ],
)
def test_conditions_come_to_what_the_rfc_says(headers, outcome):
    assert check_conditions(headers, CURRENT) is outcome


@pytest.mark.parametrize("name", ["if-modified-since", "if-unmodified-since"])
def test_dates_mean_nothing_for_an_object_without_one(name):
    assert check_conditions({name: DATE}, Validators('"abc"', None)) is SEND


@pytest.mark.parametrize(
    ("if_range", "fits"),
    [
        (None, True),
        ('"abc"', True),
        (' "abc" ', True),
        ('W/"abc"', False),
        ('"x"', False),
        (DATE, True),
        (LATER, False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_a_part_is_given_only_to_who_has_the_same_object(if_range, fits):
    assert allows_range(if_range, CURRENT) is fits


def test_a_date_never_fits_an_object_without_one():
    assert not allows_range(DATE, Validators('"abc"', None))


def test_only_what_decides_before_sending_counts_as_a_condition():
    assert has_conditions({"if-none-match": "*"})
    assert not has_conditions({"if-range": '"abc"', "range": "bytes=0-"})


def test_the_etag_changes_with_the_object_the_person_and_the_role():
    etags = {
        build_etag(etag, viewer)
        for etag in ("1", "2", 'with "quotes" and ü')
        for viewer in ("1:owner", "1:viewer", "2:owner", "link")
    }

    assert len(etags) == 12
    assert all(etag.isascii() and etag[0] == etag[-1] == '"' for etag in etags)
    assert build_etag("1", "1:owner") == build_etag("1", "1:owner")


def test_dates_are_written_in_gmt():
    assert render_date(CHANGED) == DATE
    assert render_date(None) is None


def test_a_long_list_of_etags_is_read_to_its_end():
    header = ", ".join([f'"{n}"' for n in range(3000)] + ['"abc"'])

    assert check_conditions({"if-none-match": header}, CURRENT) is KNOWN

"""Schedules: what is understood, and when it is due next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.services.schedules import LONGEST, SHORTEST, parse_schedule

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/15 * * * *", datetime(2026, 3, 14, 12, 15, tzinfo=UTC)),
        ("0 6 * * MON-FRI", datetime(2026, 3, 16, 6, 0, tzinfo=UTC)),
        ("30 23 31 12 *", datetime(2026, 12, 31, 23, 30, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("@hourly", datetime(2026, 3, 14, 13, 0, tzinfo=UTC)),
        ("@Daily", datetime(2026, 3, 15, tzinfo=UTC)),
        ("@weekly", datetime(2026, 3, 15, tzinfo=UTC)),
        ("@monthly", datetime(2026, 4, 1, tzinfo=UTC)),
        ("every 15 minutes", NOON + timedelta(minutes=15)),
        ("every 15m", NOON + timedelta(minutes=15)),
        ("Every  2   hours", NOON + timedelta(hours=2)),
        ("every hour", NOON + timedelta(hours=1)),
        ("every day", NOON + timedelta(days=1)),
    ],
)
def test_a_schedule_tells_the_next_time(text, expected):
    assert parse_schedule(text).find_next(NOON) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now and then",
        "61 * * * *",
        "* * * * * *",
        "0 0 31 2 *",
        "every 0 minutes",
        "every 367 days",
        "every 999999 days",
        "every -5 minutes",
        "every 1.5 hours",
        "@reboot",
        "* * * *",
        "\0",
        "*/0 * * * *",
        "1-999999999999 * * * *",
    ],
)
def test_what_is_no_schedule_is_refused(text):
    with pytest.raises(ValueError, match=r"schedule|cron|interval"):
        parse_schedule(text)


def test_an_interval_keeps_its_beat_while_nothing_is_missed():
    schedule = parse_schedule("every 10 minutes")
    late = NOON + timedelta(seconds=7)

    assert schedule.find_next(late, NOON) == NOON + timedelta(minutes=10)


def test_times_that_were_missed_are_not_made_up_for():
    much_later = NOON + timedelta(days=3, seconds=5)

    for text in ("every 10 minutes", "*/10 * * * *"):
        following = parse_schedule(text).find_next(much_later, NOON)
        assert much_later < following <= much_later + timedelta(minutes=10)


@given(st.text(max_size=40))
def test_any_text_is_understood_or_refused(text):
    try:
        schedule = parse_schedule(text)
    except ValueError:
        return
    assert schedule.find_next(NOON) > NOON


@given(
    st.integers(1, 10**6),
    st.sampled_from(["m", "min", "minutes", "h", "hours", "d", "days"]),
    st.integers(0, 10**7),
)
def test_the_next_time_of_an_interval_always_lies_ahead(number, unit, seconds):
    try:
        schedule = parse_schedule(f"every {number} {unit}")
    except ValueError:
        return
    now = NOON + timedelta(seconds=seconds)

    following = schedule.find_next(now, NOON)

    assert SHORTEST <= schedule.interval <= LONGEST
    assert now < following <= now + schedule.interval

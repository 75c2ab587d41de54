"""Rows as COPY reads them: every kind of value, in pieces of a bounded size."""

from __future__ import annotations

from datetime import UTC, datetime

from labeldock.db.copying import render_copy

NOW = datetime(2024, 2, 29, 12, 0, 0, 5, tzinfo=UTC)


def test_columns_of_one_kind_and_of_several_are_rendered_alike():
    kinds = [1, -1.5, True, None, "a\tb\\c\nd\re", b"\x00\xff", NOW]
    texts = [
        "1", "-1.5", "True", "\\N", "a\\tb\\\\c\\nd\\re", "\\\\x00ff",
        "2024-02-29 12:00:00.000005+00:00",
    ]  # fmt: skip

    alone = "".join(render_copy([kinds]))
    mixed = "".join(render_copy([[kind] for kind in kinds]))
    twice = "".join(render_copy([kinds, [*kinds[:-1], NOW.replace(microsecond=6)]]))

    assert alone == "\t".join(texts) + "\n"
    assert mixed == "\n".join(texts) + "\n"
    assert twice == alone + alone.replace("05+", "06+")


def test_long_rows_are_never_many_at_once():
    rows = ((number, "x" * 300_000) for number in range(40))

    pieces = list(render_copy(rows))

    assert [piece.count("\n") for piece in pieces] == [16, *[1] * 24]
    assert "".join(pieces).split()[::2] == [str(number) for number in range(40)]


def test_many_short_rows_go_together_and_none_are_nothing():
    assert [piece.count("\n") for piece in render_copy([[1]] * 1500)] == [
        16, 1000, 484,
    ]  # fmt: skip
    assert list(render_copy(iter(()))) == []

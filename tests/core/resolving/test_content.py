"""What a bucket holds cannot act on our origin, and its names cannot confuse."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.services.resolving.content import (
    choose_type,
    guess_type,
    is_shown,
    render_disposition,
)


@pytest.mark.parametrize(
    ("key", "declared", "chosen"),
    [
        ("a.jpg", "image/png", "image/png"),
        ("a.jpg", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("a.jpg", None, "image/jpeg"),
        ("a.jpg", "application/octet-stream", "image/jpeg"),
        ("a.jpg", "binary/octet-stream", "image/jpeg"),
        ("A.JPG", "", "image/jpeg"),
        ("a.webp", None, "image/webp"),
        ("a", None, "application/octet-stream"),
        ("a.b/c", None, "application/octet-stream"),
        ("a.unheard-of", "nonsense", "application/octet-stream"),
        ("a.jpg", "image/png\r\nX-Evil: 1", "image/jpeg"),
        ("a.jpg", "ü/ü", "image/jpeg"),
    ],
)
def test_the_type_is_the_declared_one_else_by_extension(key, declared, chosen):
    assert choose_type(key, declared) == chosen


def test_a_type_that_the_extension_does_not_tell_is_left_open():
    assert guess_type("a.unheard-of") is None


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "application/rss+xml",
        "text/javascript",
        "application/javascript",
        "application/pdf",
        "application/x-shockwave-flash",
        "multipart/related",
        "message/rfc822",
        "application/octet-stream",
        "nonsense",
        "",
        None,
    ],
)
def test_what_could_run_is_sent_to_be_saved(kind):
    assert not is_shown(kind)
    assert render_disposition("a.x", kind).startswith("attachment;")


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "audio/mpeg", "video/mp4", "text/plain; charset=utf-8"]
)
def test_plain_media_is_shown(kind):
    assert is_shown(kind)
    assert render_disposition("a.x", kind).startswith("inline;")


@pytest.mark.parametrize(
    ("key", "rendered"),
    [
        ("a.jpg", 'filename="a.jpg"'),
        ("x/y/a b.jpg", 'filename="a b.jpg"'),
        ("x/ü.jpg", "filename=\"_.jpg\"; filename*=UTF-8''%C3%BC.jpg"),
        ('x/a"b\\c.jpg', 'filename="a_b_c.jpg"'),
        ("x/a\r\nSet-Cookie: x.jpg", 'filename="aSet-Cookie_ x.jpg"'),
        ("x/..", 'filename="file"'),
        ("x/.hidden", 'filename="hidden"'),
        ("x/folder/", 'filename="folder"'),
        ("x/100%.jpg", 'filename="100_.jpg"'),
        ("x/\u202egpj.exe", 'filename="gpj.exe"'),
        ("/", 'filename="file"'),
    ],
)
def test_file_names_are_safe_to_save(key, rendered):
    assert render_disposition(key, "image/jpeg") == f"inline; {rendered}"


def test_a_long_name_keeps_its_extension():
    text = render_disposition("x" * 1000 + ".jpg", "image/jpeg")

    assert text.endswith('x.jpg"')
    assert len(text) < 200


@given(st.text(max_size=200))
def test_a_disposition_is_one_line_of_ascii_with_one_name(key):
    text = render_disposition(key, "image/png")

    assert re.fullmatch(
        r"""inline; filename="[ !#-\[\]-~]+"(; filename\*=UTF-8''[\w.~%-]+)?""", text
    )

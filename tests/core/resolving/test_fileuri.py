"""The parameter of media URLs goes both ways, and broken ones are refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract import InvalidInput
from labeldock.services.resolving.fileuri import (
    MAX_FILEURI,
    decode_fileuri,
    encode_fileuri,
    render_media_url,
)

KEYS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=50,
)


@given(KEYS)
def test_any_uri_survives(key):
    uri = f"s3://b/{key}"

    assert decode_fileuri(encode_fileuri(uri)) == uri


@given(KEYS)
def test_padding_and_the_other_alphabet_do_not_matter(key):
    uri = f"s3://b/{key}"
    standard = base64.b64encode(uri.encode()).decode()

    assert decode_fileuri(encode_fileuri(uri).rstrip("=")) == uri
    assert decode_fileuri(standard) == uri
    assert decode_fileuri(standard.replace("+", " ")) == uri


@pytest.mark.parametrize(
    ("value", "uri"),
    [
        ("s3://b/a b%20c", "s3://b/a b%20c"),  # the query was decoded once already
        ("s3%3A%2F%2Fb%2Fk", "s3://b/k"),
        ("czM6Ly9iL2s=", "s3://b/k"),
    ],
)
def test_a_uri_may_be_written_out(value, uri):
    assert decode_fileuri(value) == uri


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "missing"),
        ("x" * (MAX_FILEURI + 1), "too long"),
        ("!!!", "not a URI"),
        ("abcd", "not a URI"),
        ("bm8gdXJp", "not a URI"),
        (base64.b64encode(b"s3://b/\xff").decode(), "not a URI"),
        (base64.b64encode(b"s3://b/\0").decode(), "not a URI"),
        ("ü", "not a URI"),
    ],
)
def test_what_is_no_uri_is_refused(value, reason):
    with pytest.raises(InvalidInput, match=f"fileuri is {reason}") as caught:
        decode_fileuri(value)

    assert caught.value.field == "fileuri"


def test_media_urls_are_as_clients_know_them():
    assert (
        render_media_url("https://labels.example.org/", 7, "s3://b/k")
        == "https://labels.example.org/tasks/7/resolve/?fileuri=czM6Ly9iL2s="
    )
    assert render_media_url("", 7, "s3://b/k") == (
        "/tasks/7/resolve/?fileuri=czM6Ly9iL2s="
    )


def test_no_url_is_made_that_could_not_be_asked_for():
    longest = "s3://b/".ljust(MAX_FILEURI // 4 * 3, "k")
    url = render_media_url("", 7, longest)

    assert decode_fileuri(url.partition("fileuri=")[2]) == longest
    assert render_media_url("", 7, f"{longest}k") is None


def test_half_a_surrogate_pair_is_no_error():
    assert decode_fileuri(encode_fileuri("s3://b/\ud800")) == "s3://b/?"

"""URIs are found wherever people write them, and nothing else is touched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.services.resolving import uris
from labeldock.services.resolving.uris import find_uris, replace_uris
from tests.core.resolving.counting import count_work

SCHEMES = frozenset({"s3", "gs", "azure-blob"})


def found(text, schemes=SCHEMES):
    return [each.uri for each in find_uris(text, schemes)]


@pytest.mark.parametrize(
    "text",
    [
        "s3://b/k",
        "s3://b/a key with spaces.jpg",
        "s3://b/a=1&b?c#d%20%.jpg",
        "s3://b/ü/日本語/🙂.png",
        's3://b/it\'s "quoted" (1) [2] {3}, really; <yes>.jpg',
        "s3://b/trailing dot.",
        "gs://bucket-with-dots.example/k",
        "azure-blob://container/k",
        "s3://b/k?u=s3://c/d",
        "s3://",
    ],
)
def test_a_text_that_is_one_uri_is_taken_whole(text):
    assert found(text) == [text]


def test_blanks_around_a_whole_uri_are_no_part_of_it():
    (only,) = find_uris(" \n s3://b/a b \t", SCHEMES)

    assert only == (3, 13, "s3://b/a b")


def test_the_scheme_is_written_as_one_likes():
    assert found("S3://Bucket/Key") == ["s3://Bucket/Key"]
    assert found("see Azure-Blob://c/K now") == ["azure-blob://c/K"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no URI here",
        "s3xyz://b/k",
        "xs3://b/k",
        "x+s3://b/k",
        "x_s3://b/k",
        "1s3://b/k",
        "s3:/b/k",
        "s3:b/k",
        "http://example.org/k",
        "https://example.org/?u=s3://b/k",
        "see https://example.org/s3://b/k",
        "/data/local-files/?d=a/b.jpg",
        "/tasks/1/resolve/?fileuri=czM6Ly9iL2s=",
    ],
)
def test_what_is_no_uri_of_ours_is_none(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "uris"),
    [
        # quoted
        ('<a href="s3://b/k">x</a>', ["s3://b/k"]),
        ('<img src="s3://b/a key.jpg" alt="s3://b/other">', 2),
        ("<img src='s3://b/a \"key\".jpg'>", ['s3://b/a "key".jpg']),
        ("in `s3://b/a key` ticks", ["s3://b/a key"]),
        ('<img src="s3://b/a&amp;b&#39;c.jpg">', ["s3://b/a&b'c.jpg"]),
        ('<img srcset="s3://b/1.jpg 1x, s3://b/2.jpg 2x">', 2),
        ('say "s3://b/no end', ["s3://b/no"]),
        ("\"s3://b/k\" and 'gs://c/k'", ["s3://b/k", "gs://c/k"]),
        ('key="s3://b/a=1"', ["s3://b/a=1"]),
        # CSS and Markdown
        ("background: url(s3://b/k.png)", ["s3://b/k.png"]),
        ("background: url('s3://b/a (1).png')", ["s3://b/a (1).png"]),
        ("url(s3://b/photo (1).png) no-repeat", ["s3://b/photo (1).png"]),
        ("![a](s3://b/k.png)", ["s3://b/k.png"]),
        ('![a](s3://b/photo (1).png "A title") b', ["s3://b/photo (1).png"]),
        ("![a](<s3://b/a key.png>)", ["s3://b/a key.png"]),
        ("![](s3://b/1)![](s3://b/2)", ["s3://b/1", "s3://b/2"]),
        ("![a](s3://b/k.png", ["s3://b/k.png"]),
        ("**s3://b/k** and ~~s3://b/l~~", ["s3://b/k", "s3://b/l"]),
        # bare
        ("see s3://b/k.jpg.", ["s3://b/k.jpg"]),
        ("see (s3://b/k.jpg), please", ["s3://b/k.jpg"]),
        ("see s3://b/f(1).jpg now", ["s3://b/f(1).jpg"]),
        ("s3://b/1\ns3://b/2\n", ["s3://b/1", "s3://b/2"]),
        ("s3://b/1 s3://b/2", ["s3://b/1", "s3://b/2"]),
        ("s3://b/1,s3://b/2;gs://b/3|s3://b/4", 4),
        ("s3://b/a,b.jpg, s3://b/c", ["s3://b/a,b.jpg", "s3://b/c"]),
        ("https://h/a,s3://b/k", ["s3://b/k"]),
        ("<p>s3://b/k</p>", ["s3://b/k"]),
        ("<img src=s3://b/k.jpg>", ["s3://b/k.jpg"]),
        ("見るs3://b/k", ["s3://b/k"]),
        ("{&quot;i&quot;: &quot;s3://b/k&quot;}", ["s3://b/k"]),
        ("first line\n  s3://b/a b", ["s3://b/a"]),
    ],
)
def test_uris_in_text_end_where_their_surroundings_say(text, uris):
    assert found(text) == uris if isinstance(uris, list) else len(found(text)) == uris


KEYS = ["k.jpg", 'a "b" c.jpg', "ü\\日本.jpg", "it's.jpg", "tail\\"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("is_ascii", [True, False])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_a_uri_in_json_in_a_string_is_decoded(key, is_ascii, levels):
    text = {"image": f"s3://b/{key}", "other": [f"gs://c/{key}"]}
    for _ in range(levels):
        text = json.dumps(text, ensure_ascii=is_ascii)

    if levels == 1:
        assert found(text) == [f"s3://b/{key}", f"gs://c/{key}"]
    else:  # a quote within a quote is told from its end by its backslashes
        assert found(text)[0] == f"s3://b/{key}"


def test_html_in_json_is_unescaped_once_and_its_entities_too():
    text = json.dumps({"html": '<img src="s3://b/ü&amp;.jpg"> s3://b/é.jpg\nend'})

    assert found(text) == ["s3://b/ü&.jpg", "s3://b/é.jpg"]


def test_a_backslash_that_no_json_wrote_stays():
    assert found('see "s3://b/a\\b.jpg"') == ["s3://b/a\\b.jpg"]
    assert found("see s3://b/a\\b.jpg now") == ["s3://b/a\\b.jpg"]
    assert found('{"x": broken, "y": "s3://b/a\\new.jpg"}') == ["s3://b/a\\new.jpg"]


def test_each_uri_is_replaced_in_its_place():
    text = 'one "s3://b/a b" two s3://c/k, three s3://b/c.'

    replaced = replace_uris(
        text, SCHEMES, lambda uri: f"<{uri[5:]}>" if uri[5] == "b" else None
    )

    assert replaced == 'one "<b/a b>" two s3://c/k, three <b/c>.'


def test_text_without_uris_is_given_back_itself():
    text = "nothing :// here"

    assert replace_uris(text, SCHEMES, lambda _: "x") is text


# Whatever the text

MARKS = [*"\"'`<>()[]{}\\=,.;|üa \n\t\u3000", "](", '\\"', "&quot;"]
PARTS = [
    "s3://b/k",
    "s3://b/a b",
    "gs://",
    "://",
    "https://h/?",
    "S3://",
    "s3:",
    "url(",
]
FRAGMENTS = st.sampled_from(MARKS) | st.sampled_from(PARTS)
TEXTS = st.lists(FRAGMENTS | st.text(max_size=5), max_size=30).map("".join)


@given(TEXTS)
def test_finds_are_apart_in_order_and_inside_the_text(text):
    position = 0
    for each in find_uris(text, SCHEMES):
        assert position <= each.start < each.end <= len(text)
        assert (
            text[each.start :].lower().startswith(("s3://", "gs://", "azure-blob://"))
        )
        assert each.uri.partition("://")[0] in SCHEMES
        position = each.end


@given(TEXTS)
def test_only_uris_change(text):
    expected = []
    position = 0
    for each in find_uris(text, SCHEMES):
        expected += [text[position : each.start], "<replaced>"]
        position = each.end

    replaced = replace_uris(text, SCHEMES, lambda _: "<replaced>")

    assert replaced == "".join([*expected, text[position:]])


@given(TEXTS)
def test_replacing_again_changes_nothing(text):
    def replace(uri):
        return "/media/x" if uri.startswith("s3://b/") else None

    once = replace_uris(text, SCHEMES, replace)

    assert replace_uris(once, SCHEMES, replace) == once


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip))
def test_any_key_without_line_breaks_and_marks_is_found_whole(key):
    uri = f"s3://b/{key}".strip()
    if "\n" in uri or "://" in key:
        return

    assert found(f" {uri} ") == [uri]


HOSTILE = [
    "s3://",
    "s3://a ",
    '"s3://a ',
    "'s3://a \"s3://b `s3://c ",
    "](s3://a ",
    "](s3://a(",
    "<s3://a ",
    '\\"s3://a',
    '\\\\\\"s3://a \\"',
    "s3://a)",
    "s3://a,",
    ",a",
    "&#",
    "aaaa",
    "a://",
    "\\",
    "](s3://a \t",
]


@pytest.mark.parametrize("lead", ["", "x ", '{"a": "', '"s3://a'])
@pytest.mark.parametrize("fragment", HOSTILE)
def test_hostile_text_is_read_to_its_end(fragment, lead):
    # Ten times as much as below would take minutes if any part were read again.
    text = lead + fragment * (200_000 // len(fragment))

    spans = find_uris(text, SCHEMES)

    assert len(spans) <= text.count("://")


@pytest.mark.parametrize("lead", ["s3://a ", "x s3://a ", '{"a": "s3://a"', '"s3://a'])
@pytest.mark.parametrize("fragment", [*HOSTILE, '"s3://a\\', "](s3://a)", "s3://a\n"])
def test_twice_the_text_is_twice_the_work(monkeypatch, fragment, lead):
    def count(size):
        text = lead + fragment * (size // len(fragment))
        return count_work(monkeypatch, text, SCHEMES)

    once, twice = count(10_000), count(20_000)

    assert once > 10_000 / 2
    assert twice < 2.2 * once
    assert twice < 20 * 20_000


def test_what_grows_faster_than_the_text_would_be_noticed(monkeypatch):
    def find_quadratically(text, _):
        return [text[start:] for start in range(len(text))]

    monkeypatch.setattr(uris, "find_uris", find_quadratically)
    once, twice = (count_work(monkeypatch, "a" * n, SCHEMES) for n in (100, 200))

    assert twice > 3 * once


def test_ten_megabytes_of_schemes_are_one_uri_or_none():
    text = "s3://" * 2_000_000

    assert found(text) == [text]
    assert found(f"x {text}")[0].startswith("s3://s3://")

"""Keys that storages, URLs and XML have been seen to trip over."""

from __future__ import annotations

from typing import Final

ODD_KEYS: Final = (
    # spaces, also where they like to get lost
    "a b.txt",
    " leading",
    "trailing ",
    # what URLs and forms give a meaning to
    "a+b",
    "100%",
    "a%2Fb",
    "%25",
    "%zz",
    "a#b",
    "what?.txt",
    "?query=1&b=2",
    "a&b=c;d",
    "a:b",
    "a@b$c,d!",
    "~user",
    # what XML, shells and other systems' file names do
    "<tag>&amp;",
    "'single' \"double\"",
    "back\\slash",
    "a|b*c",
    "[a]{b}(c)^`",
    # text beyond ASCII: two ways to write one letter are two keys
    "\u00e9t\u00e9",
    "e\u0301te\u0301",
    "\u6587\u4ef6",
    "\u0645\u0644\u0641",
    "\U0001f600",
    "\ufeffmark",
    "a\u200bb",
    "\uffff",
    # control characters
    "tab\there",
    "line\nhere",
    "carriage\rreturn",
    "\x01",
    "\x7f",
    # paths that a client may want to tidy up
    "/leading-slash",
    "double//slash",
    "slash-at-end/",
    "./dot",
    "dot/./inside",
    "..",
    "../above",
    "up/../down",
    "dots...",
    ".hidden",
    "folder./x",
    ".well-known/acme-challenge/x",
    # two that differ in their case only
    "case.txt",
    "CASE.txt",
)
"""Each is a key of its own, in the storage as in a listing."""

NO_KEYS: Final = ("", "a\0b", "\udcff")
"""Not a key anywhere: empty, with U+0000, not to be written as UTF-8."""


def build_long_key(size: int) -> str:
    """A key of so many bytes; its parts are short enough for names of files."""
    part = "k" * 99
    text = "/".join([part] * (size // 100 + 1))[:size]
    return text[:-1] + "k"  # not "/" at the end

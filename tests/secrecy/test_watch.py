"""The watch finds a planted secret wherever it comes out, and nothing else."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import zipfile
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from labeldock.db.secrets import Vault
from tests.secrecy.watch import Answer, Watch

SECRET = "s3cret/of+a bücket"
WRITTEN = {
    "plain": SECRET,
    "in a URL": f"https://h.example/?sig={quote(SECRET, safe='')}",
    "in JSON": json.dumps({"key": SECRET}),
    **{
        f"in base64 after {n}": base64.b64encode(
            f"{'u' * n}{SECRET}!".encode()
        ).decode()
        for n in range(4)
    },
}


@pytest.fixture
def watch():
    watch = Watch(test="a test")
    watch.learn(SECRET, "secret of storage:1:password")
    return watch


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_a_secret_is_found_in_every_form(watch, text):
    watch.look("an answer", f"before {text} after".encode())

    (leak,) = watch.leaks
    assert leak.place == "an answer"
    assert SECRET not in leak.describe()
    assert "secret of storage:1:password in an answer" in leak.describe()


def test_what_is_not_one_is_not_found(watch):
    for text in ("", "s3cret", "of a bucket", base64.b64encode(b"other").decode()):
        watch.look("an answer", text.encode())
        watch.look_in_log("a log", text)

    assert watch.leaks == []


def test_plain_words_are_not_taken_for_a_secret_but_counted(watch):
    for words in ("a password", "of the bucket", "new-password", "short"):
        watch.learn(words, "password")
    watch.look("an answer", b"A user without a password, of the bucket, is short.")

    assert watch.leaks == []
    assert watch.counts["secrets of plain words, not looked for"] == 4


def answer(watch, *pieces, headers=()):
    taken = Answer(watch, "GET /x")
    taken.start({"headers": headers})
    for number, piece in enumerate(pieces, 1):
        taken.take({"body": piece, "more_body": number < len(pieces)})


def test_a_secret_is_found_in_headers_and_across_the_pieces_of_a_body(watch):
    raw = SECRET.encode()

    answer(watch, b"", headers=[(b"location", b"/?k=" + raw)])
    answer(watch, b"x" * 100 + raw[:5], raw[5:] + b"x")
    answer(watch, b"x" * (2 << 20) + raw[:5], raw[5:])

    assert [leak.place for leak in watch.leaks] == [
        "GET /x, headers",
        "GET /x",
        "GET /x",
    ]
    assert watch.counts["answers"] == 3


def test_a_secret_is_found_in_an_archive_that_is_downloaded(watch):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", "{}")
        archive.writestr("b.json", json.dumps({"key": SECRET}))
    raw = file.getvalue()

    answer(watch, raw[:10], raw[10:])

    assert [leak.place for leak in watch.leaks] == ["GET /x!b.json"]
    assert watch.counts["archive entries"] == 2


def test_a_token_may_be_in_an_answer_and_not_in_a_log(watch):
    watch.learn_shown_once("0123456789abcdef", "token")

    watch.look("an answer", b"0123456789abcdef")
    watch.look_in_log("a log", "a\nb 0123456789abcdef")

    assert [leak.place for leak in watch.leaks] == ["a log"]
    assert watch.counts["lines of logs"] == 2


def test_the_session_watches_itself_from_vault_to_answer(request):
    """A secret that the vault was given, and an application that gives it away."""
    plugin = request.config.pluginmanager.get_plugin("secrecy")
    sealed = "given to the vault by 1 test"
    Vault(["a key of this test"]).seal(sealed, owner="storage:1:password")
    leaky = Starlette(routes=[Route("/x", lambda _: PlainTextResponse(f"{sealed}!"))])
    before = len(plugin.watch.leaks)

    with TestClient(leaky) as client:
        client.get("/x")
    subprocess.run(["printf", sealed], capture_output=True, check=True)

    found = plugin.watch.leaks[before:]
    del plugin.watch.leaks[before:]  # they were meant
    assert [leak.place for leak in found] == [
        "the answer to GET /x", "the output of a process",
    ]  # fmt: skip
    assert found[0].secret == "secret of storage:1:password"
    assert found[0].test.startswith("tests/secrecy/test_watch.py")

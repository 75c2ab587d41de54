"""The blocks of Python, and of settings, in the explanations do what they say."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request

from labeldock.settings import load_settings
from tests.docs.blocks import DOCS, list_blocks
from tests.servers.gcs import run_gcs

PAGES = sorted(DOCS.glob("explanation/*.md"))
# Run elsewhere: by the SDK itself, in tests/compat.
ELSEWHERE = {"compatibility.md"}


def find_blocks(language):
    return [b for page in PAGES for b in list_blocks(page) if b.language == language]


def run(text, names=None):
    names = {} if names is None else names
    exec(compile(text, "block", "exec"), names)
    return names


def test_every_block_of_python_is_executed_here_or_elsewhere():
    pages = {block.page.name for block in find_blocks("python")}

    assert pages - ELSEWHERE == {"gcs-fake.md", "plug-ins.md"}


def test_a_catalog_is_built_as_the_page_says():
    (block,) = (b for b in find_blocks("python") if b.page.name == "plug-ins.md")

    assert run(block.text)["catalog"]


def test_the_fake_of_google_is_used_as_the_page_says():
    start, fault = (b for b in find_blocks("python") if b.page.name == "gcs-fake.md")
    assert run(start.text)["document"]

    before, after = fault.text.split("...\n")
    with run_gcs() as server:
        names = run(before, {"server": server})
        for _ in range(3):
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(f"{server.url}/storage/v1/b/photos/o?x=1")
        run(after, names)


def test_settings_are_settings(monkeypatch, tmp_path):
    (block,) = find_blocks("sh")
    name, _, value = block.text.strip().partition("=")
    monkeypatch.setenv(name, value.strip("'"))

    settings = load_settings(home=tmp_path)

    assert "bucket" in settings.persistent_storage.get_secret_value()

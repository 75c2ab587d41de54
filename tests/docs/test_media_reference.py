"""The reference of media names every answer and setting that there is, and no other."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from labeldock.contract import errors
from labeldock.contract.errors import LabeldockError, RequestError
from labeldock.services.resolving.fileuri import MAX_FILEURI
from labeldock.services.resolving.thumbnails import SIZES
from labeldock.settings import Settings
from labeldock.web.media.answers import render_busy, render_error
from labeldock.web.media.routes import media_routes

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "media.md"
ROW = re.compile(r"^\| (\d{3}) \| (.*?) \|", re.MULTILINE)
SETTING = re.compile(r"^\| `LABELDOCK_(\w+)` \| .* \| (.*?) ?\|$", re.MULTILINE)
# What becomes another of these before it is told, or never comes up for media.
ELSEWHERE = (
    errors.ConfigurationError,
    errors.Conflict,
    errors.PluginLoadError,
    errors.ProviderClash,
    errors.IncompatibleContract,
    errors.UnknownProvider,
    errors.ProviderUnavailable,
)


def list_told():
    """Statuses and codes of the kinds of errors that media are answered with."""
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    bases = (LabeldockError, RequestError, errors.PluginError)
    for kind in kinds:
        is_told = issubclass(kind, LabeldockError) and kind not in {*bases, *ELSEWHERE}
        if is_told:
            yield render_error(kind("x"), "id").status_code, kind.code
    yield render_busy("id").status_code, "busy"


@pytest.fixture(scope="module")
def text():
    return PAGE.read_text("utf-8")


def test_every_answer_is_documented_and_no_other(text):
    documented = {
        (int(status), code)
        for status, codes in ROW.findall(text)
        for code in re.findall(r"`(\w+)`", codes)
    }

    assert documented == set(list_told())


def test_every_setting_is_documented_with_its_default(text):
    documented = dict(SETTING.findall(text))
    fields = Settings.model_fields
    prefixes = ("resolver_proxy_", "media_", "cors_")

    assert {name.lower() for name in documented} == {
        name for name in fields if name.startswith(prefixes)
    }
    for name, default in documented.items():
        value = fields[name.lower()].default
        shown = "" if value == () else str(value).lower().removesuffix(".0")
        assert default == shown, name


def test_every_address_is_documented(text):
    paths = {re.sub(r":\w+", "", route.path) for route in media_routes()}

    for path in paths:
        assert f"`{path.rstrip('/')}" in text, path


def test_sizes_and_limits_are_as_documented(text):
    listed = re.search(r"rounded up to ([\d, or]+)\.", text)

    assert tuple(map(int, re.findall(r"\d+", listed[1]))) == SIZES
    assert f"at most {MAX_FILEURI // 1024} KiB" in text

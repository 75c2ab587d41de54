"""`labeldock plugins`, as the base distribution has it."""

from __future__ import annotations

import json
import sys

import pytest

from labeldock import __main__ as command
from labeldock import __version__
from labeldock.contract import PLUGIN_GROUP, PROVIDER_GROUP
from labeldock.host import (
    CatalogEntry,
    PluginStatus,
    dump_plugins,
    render_plugins,
)

LOADED = CatalogEntry("s3", PROVIDER_GROUP, "labeldock-s3", "1.2", PluginStatus.LOADED)
FAILED = CatalogEntry("audit", PLUGIN_GROUP, "", "", PluginStatus.FAILED, "no reason")


def test_the_table_has_a_line_for_each_plug_in():
    lines = render_plugins([LOADED, FAILED]).splitlines()

    assert [line.split() for line in lines] == [
        ["NAME", "KIND", "DISTRIBUTION", "VERSION", "STATUS", "REASON"],
        ["s3", "provider", "labeldock-s3", "1.2", "loaded"],
        ["audit", "plug-in", "?", "?", "failed", "no", "reason"],
    ]


def test_an_empty_table_says_what_to_install():
    assert "pip install labeldock-local" in render_plugins([])


def test_the_dump_is_json():
    assert json.loads(json.dumps(dump_plugins([LOADED, FAILED]))) == [
        {
            "name": "s3",
            "group": PROVIDER_GROUP,
            "distribution": "labeldock-s3",
            "version": "1.2",
            "status": "loaded",
            "reason": None,
        },
        {
            "name": "audit",
            "group": PLUGIN_GROUP,
            "distribution": "",
            "version": "",
            "status": "failed",
            "reason": "no reason",
        },
    ]


# The command. Which plug-ins this environment has is not for these tests to say.


def test_plugins_are_listed_as_json(capsys):
    assert command.run_base(["plugins", "--json"]) == 0

    assert isinstance(json.loads(capsys.readouterr().out), list)


def test_the_operators_lists_are_read_from_the_environment(capsys, monkeypatch):
    monkeypatch.setenv("LABELDOCK_PROVIDERS_ALLOW", "none-such, other")

    command.run_base(["plugins", "--json"])

    statuses = {each["status"] for each in json.loads(capsys.readouterr().out)}
    assert statuses <= {"disabled"}


def test_plugins_are_listed_as_a_table(capsys, monkeypatch):
    monkeypatch.setenv("LABELDOCK_PROVIDERS_ALLOW", "none-of-them")

    assert command.run_base(["plugins"]) == 0

    assert "loaded" not in capsys.readouterr().out.replace("not loaded", "")


def test_a_command_of_the_application_says_what_to_install(capsys):
    assert command.run_base(["serve", "--port", "1"]) == 2

    assert "serve: the application is not installed" in capsys.readouterr().err


def test_no_command_prints_the_help(capsys):
    assert command.run_base([]) == 2

    assert 'pip\ninstall "labeldock[app]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "text"),
    [("--version", f"labeldock {__version__}"), ("--help", "plugins")],
)
def test_version_and_help_are_printed(capsys, option, text):
    with pytest.raises(SystemExit, match="0"):
        command.run_base([option])

    assert text in capsys.readouterr().out


def test_without_the_application_the_base_answers(capsys, monkeypatch):
    monkeypatch.setattr(command, "APPLICATION_PARTS", ("no_such_part",))
    monkeypatch.setattr(sys, "argv", ["labeldock", "doctor"])

    assert command.main() == 2

    assert "doctor: the application is not installed" in capsys.readouterr().err

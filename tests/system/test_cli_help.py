"""The help, the version, and the values that people type."""

from __future__ import annotations

import io
import typing

import pytest
from pydantic import BaseModel, SecretStr
from typer.main import get_command

from labeldock import __version__
from labeldock.cli import settings_input
from labeldock.cli.application import build_application
from labeldock.cli.failures import join_text
from labeldock.cli.settings_input import collect_settings
from labeldock.cli.showing import clean_text
from labeldock.contract.errors import InvalidInput
from tests.system.terminal import Terminal

COMMANDS = {
    "serve", "worker", "demo", "migrate", "user", "token", "project", "storage", "run",
    "export", "plugins", "doctor",
}  # fmt: skip


def test_help_lists_every_command(tmp_path):
    printed = Terminal(tmp_path / "home").run("--help").stdout

    listed = {line.split()[0] for line in printed.splitlines() if line.startswith("  ")}
    assert listed >= COMMANDS
    assert not (tmp_path / "home").exists()


def test_the_version_is_printed_alone(tmp_path):
    assert Terminal(tmp_path).run("--version").stdout == f"{__version__}\n"


def list_commands(command, name="labeldock"):
    inner = getattr(command, "commands", {})
    yield name, command
    for each in inner:
        yield from list_commands(inner[each], f"{name} {each}")


@pytest.mark.parametrize(
    "command",
    [pytest.param(c, id=n) for n, c in list_commands(get_command(build_application()))],
)
def test_every_command_and_option_says_what_it_is(command):
    shown = [p for p in command.params if p.name != "help"]

    assert command.help
    assert all(parameter.help for parameter in shown)


class Options(BaseModel):
    bucket: str = ""
    port: int = 0
    use_tls: bool = True
    tags: tuple[str, ...] = ()
    key: SecretStr | None = None
    mode: typing.Literal["fast", "safe"] = "fast"


def collect(*words, assignments=(), common=None):
    return collect_settings(Options, common or {}, assignments, words)


def test_words_become_settings_of_the_types_of_the_model():
    values = collect("--bucket", "12", "--port=9", "--tags", '["a"]', "--mode", "safe")

    assert values == {"bucket": "12", "port": 9, "tags": ["a"], "mode": "safe"}


def test_a_flag_needs_no_value_and_can_be_denied():
    assert collect("--use-tls") == {"use_tls": True}
    assert collect("--no-use-tls") == {"use_tls": False}
    assert collect("--use-tls", "false") == {"use_tls": False}


def test_an_unknown_name_is_passed_on_for_the_model_to_refuse():
    assert collect("--nope", "1", "--flag") == {"nope": "1", "flag": "true"}


def test_options_that_were_not_given_are_left_out():
    common = {"title": "Gulls", "prefix": None, "presign": False}

    assert collect(common=common) == {"title": "Gulls", "presign": False}


def test_a_secret_can_come_from_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "key").write_text("of a file\n")
    monkeypatch.setenv("THE_KEY", "of the environment")
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\r\n"))

    assert collect("--key", "@env:THE_KEY")["key"] == "of the environment"
    assert collect("--key", f"@{tmp_path}/key")["key"] == "of a file"
    assert collect(assignments=["key=@-"])["key"] == "typed"
    assert collect(assignments=["key=@@home"])["key"] == "@home"


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "key").write_bytes(b"\xff\xfe")

    with pytest.raises(InvalidInput, match="cannot be understood") as caught:
        collect("--key", f"@{tmp_path}/key")

    assert "UTF-8" in caught.value.problems[0].message


def test_a_provider_is_not_an_option():
    with pytest.raises(InvalidInput, match="cannot be understood"):
        settings_input.check_provider_name("--path")


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("path", "It is gone.", "Make it."), "path: It is gone. Make it."),
        (("path", "is required", "give a value"), "path: is required; give a value"),
        ((None, "It is gone", "Make it."), "It is gone. Make it."),
        (("path", None, "Make it."), "path: Make it."),
        (("path", " ", None), "path: "),
    ],
)
def test_parts_of_a_message_are_joined(parts, text):
    assert join_text(*parts) == text


def test_foreign_text_cannot_steer_a_terminal():
    assert clean_text("a\x1b[2Jb\nc\u202e\ud800é") == "a\\x1b[2Jb\\nc\\u202e\\ud800é"

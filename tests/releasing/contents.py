"""What is in the archives: all that belongs there, and nothing else."""

from __future__ import annotations

import re
import tarfile
import zipfile
from email.parser import BytesParser
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

from tests.releasing.versions import CORE, Distribution

LICENCE = "Apache License"
# Beyond "whatever is tracked": what somebody would miss first.
NEEDED = {
    CORE: (
        "labeldock/db/migrations/env.py",
        "labeldock/db/migrations/script.py.mako",
        "labeldock/db/migrations/versions/0001_the_first_schema.py",
        "labeldock/web/console/static/*.css",
        "labeldock/web/console/static/*.js",
        "labeldock/web/console/templates/layout.html",
        "labeldock/testing/template/plugin.py.tmpl",
        "labeldock/testing/pytest_plugin.py",
    )
}
TESTS = re.compile(r"(^|/)(tests?/|test_[^/]*\.py$|[^/]*_test\.py$|conftest\.py$)")
STRAY = re.compile(r"(^|/)(\.[^/]+|[^/]*\.(pem|key|env|sqlite3?|db|log|pyc))$")
SECRETS = {
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+\S{40}"),
    "an AWS key": re.compile(rb"\b(AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[0-9A-Z]{16}\b"),
    "a Google API key": re.compile(rb"\bAIza[0-9A-Za-z_-]{35}\b"),
    "a GitHub token": re.compile(rb"\bgh[pousr]_[0-9A-Za-z]{36}\b"),
    "an Azure key": re.compile(rb"AccountKey=[0-9A-Za-z+/]{86}=="),
}


def check_wheel(wheel: Path, distribution: Distribution, tracked: set[str]) -> list:
    """What is wrong with a wheel; `tracked` are the files of its sources.

    Args:
        tracked: names as they are imported, such as `labeldock/py.typed`.
    """
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    info = f"{distribution.package}-{distribution.version}.dist-info/"
    code = {name for name in files if not name.startswith(info)}
    return [
        f"{wheel.name}: {problem}"
        for problem in (
            *_compare(code, tracked),
            *_find_missing(code, distribution),
            *_check_metadata(files.get(f"{info}METADATA", b""), distribution),
            *_check_licence(files.get(f"{info}licenses/LICENSE", b"")),
            *_check_names(files),
            *_check_secrets(files, distribution.folder),
        )
    ]


def check_sources(archive: Path, distribution: Distribution, tracked: set[str]) -> list:
    """What is wrong with a source archive; `tracked` as for wheels."""
    with tarfile.open(archive) as opened:
        files = {
            member.name.partition("/")[2]: opened.extractfile(member).read()
            for member in opened
            if member.isfile()
        }
    wanted = {f"src/{name}" for name in tracked}
    wanted |= {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO"}
    return [
        f"{archive.name}: {problem}"
        for problem in (
            *_compare(set(files) - {".gitignore"}, wanted),
            *_check_metadata(files.get("PKG-INFO", b""), distribution),
            *_check_licence(files.get("LICENSE", b"")),
            *_check_names(files),
            *_check_secrets(files, distribution.folder),
        )
    ]


def _compare(found: set[str], wanted: set[str]) -> list[str]:
    missing = [f"{name} is missing" for name in sorted(wanted - found)]
    return missing + [
        f"{name} does not belong there" for name in sorted(found - wanted)
    ]


def _find_missing(code: set[str], distribution: Distribution) -> list[str]:
    wanted = (f"{distribution.package}/py.typed", *NEEDED.get(distribution.name, ()))
    return [
        f"there is no {pattern}"
        for pattern in wanted
        if not any(PurePosixPath(name).match(pattern) for name in code)
    ]


def _check_metadata(content: bytes, distribution: Distribution) -> list[str]:
    metadata = BytesParser().parsebytes(content)
    wanted = {
        "Name": distribution.name,
        "Version": distribution.version,
        "License-Expression": "Apache-2.0",
        "License-File": "LICENSE",
        "Requires-Python": ">=3.11",
    }
    wrong = [
        f"{field} is {metadata[field]}, not {value}"
        for field, value in wanted.items()
        if metadata[field] != value
    ]
    if not str(metadata.get_payload()).strip():
        wrong.append("it has no description")
    for text in metadata.get_all("Requires-Dist", ()):
        need = Requirement(text)
        if need.url or (need.name != CORE and need.name.startswith(f"{CORE}-")):
            wrong.append(f"it depends on {text}")
    return wrong


def _check_licence(content: bytes) -> list[str]:
    return [] if LICENCE.encode() in content else ["it has no licence"]


def _check_names(files: dict[str, bytes]) -> list[str]:
    tests = [f"{name} is a test" for name in files if TESTS.search(name)]
    stray = [n for n in files if STRAY.search(n) and n != ".gitignore"]
    return tests + [f"{name} should not be given away" for name in stray]


def _check_secrets(files: dict[str, bytes], folder: Path) -> list[str]:
    found = [
        f"{name} holds {kind}"
        for name, content in files.items()
        for kind, pattern in SECRETS.items()
        if pattern.search(content)
    ]
    here = str(folder).encode()
    return found + [
        f"{name} names a path of this machine"
        for name, content in files.items()
        if here in content
    ]

"""What is missing in an archive, or does not belong there, is found."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from tests.releasing.contents import check_sources, check_wheel
from tests.releasing.versions import Distribution

NAME = "labeldock_shelf-0.2.0"
INFO = f"{NAME}.dist-info/"
METADATA = """\
Metadata-Version: 2.4
Name: labeldock-shelf
Version: 0.2.0
License-Expression: Apache-2.0
License-File: LICENSE
Requires-Python: >=3.11
Requires-Dist: labeldock>=0.2.0,<1

# What it is
"""
TRACKED = {"labeldock_shelf/plugin.py", "labeldock_shelf/py.typed"}
CODE = dict.fromkeys(TRACKED, "pass")
RIGHT = {
    **CODE,
    f"{INFO}METADATA": METADATA,
    f"{INFO}RECORD": "",
    f"{INFO}licenses/LICENSE": "Apache License",
}
SOURCES = {
    **{f"src/{name}": text for name, text in CODE.items()},
    "PKG-INFO": METADATA,
    "LICENSE": "Apache License",
    "README.md": "# What it is",
    "pyproject.toml": "",
}


@pytest.fixture
def distribution(tmp_path):
    project = {"name": "labeldock-shelf", "version": "0.2.0"}
    return Distribution(tmp_path / "shelf", project)


@pytest.fixture
def check(tmp_path, distribution):
    """The problems of a wheel with these files."""

    def check_(files, tracked=TRACKED):
        path = tmp_path / f"{NAME}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        found = check_wheel(path, distribution, tracked)
        return [each.removeprefix(f"{path.name}: ") for each in found]

    return check_


def test_a_wheel_with_all_that_belongs_there_is_right(check):
    assert check(RIGHT) == []


def test_what_is_missing_is_named(check):
    files = {k: v for k, v in RIGHT.items() if not k.endswith(("py.typed", "LICENSE"))}

    assert check(files) == [
        "labeldock_shelf/py.typed is missing",
        "there is no labeldock_shelf/py.typed",
        "it has no licence",
    ]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("labeldock_shelf/notes.txt", "", "notes.txt does not belong there"),
        ("labeldock_shelf/test_plugin.py", "", "test_plugin.py is a test"),
        ("labeldock_shelf/tests/rig.py", "", "rig.py is a test"),
        ("labeldock_shelf/.env", "", "/.env should not be given away"),
        ("labeldock_shelf/server.pem", "", "server.pem should not be given away"),
        ("labeldock_shelf/a.sqlite3", "", "a.sqlite3 should not be given away"),
        ("labeldock_shelf/a.py", "KEY = 'AKIA" + "Q" * 16 + "'", "holds an AWS key"),
        (
            "labeldock_shelf/a.py",
            "-----BEGIN RSA PRIVATE " + "KEY-----\n" + "Q" * 40,
            "a.py holds a private key",
        ),
        ("labeldock_shelf/a.py", "HERE = '{here}/x'", "names a path of this machine"),
    ],
)
def test_what_does_not_belong_there_is_named(check, distribution, name, text, problem):
    text = text.replace("{here}", str(distribution.folder))
    is_strange = "does not belong" in problem

    found = check(RIGHT | {name: text}, TRACKED if is_strange else TRACKED | {name})

    assert [problem in each for each in found] == [True]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("0.2.0\nLic", "0.1.9\nLic", "Version is 0.1.9, not 0.2.0"),
        (": Apache-2.0", ": MIT", "License-Expression is MIT, not Apache-2.0"),
        ("# What it is\n", "", "it has no description"),
        ("labeldock>=0.2.0,<1", "labeldock-s3", "it depends on labeldock-s3"),
        (
            "labeldock>=0.2.0,<1",
            "labeldock @ file:///tmp/x",
            "it depends on labeldock @ file:///tmp/x",
        ),
    ],
)
def test_metadata_that_does_not_fit_is_named(check, before, after, problem):
    metadata = METADATA.replace(before, after)

    assert check(RIGHT | {f"{INFO}METADATA": metadata}) == [problem]


@pytest.mark.parametrize(
    ("files", "problems"),
    [
        (SOURCES, []),
        (
            {**SOURCES, "tests/test_it.py": ""},
            ["tests/test_it.py does not belong there", "tests/test_it.py is a test"],
        ),
        (
            {**SOURCES, "LICENSE": ""},
            ["it has no licence"],
        ),
    ],
    ids=["right", "test", "licence"],
)
def test_a_source_archive_is_held_to_the_same(tmp_path, distribution, files, problems):
    path = tmp_path / f"{NAME}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{NAME}/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))

    found = check_sources(path, distribution, TRACKED)

    assert found == [f"{path.name}: {problem}" for problem in problems]

"""The page about the format of archives, and its schema, say what the models say."""

from __future__ import annotations

import json
import re
from pathlib import Path

from labeldock.services.backups import format as archive

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (REFERENCE / "backup-format.md").read_text("utf-8")
SCHEMA = REFERENCE / "schemas" / "backup.schema.json"


def test_the_committed_schema_is_made_of_the_models():
    assert json.loads(SCHEMA.read_text("utf-8")) == archive.build_schema()


def test_every_entry_is_told_of():
    table = PAGE.partition("| entry |")[2].partition("\n\n")[0]

    told = re.findall(r"^\| `([a-z.]+)` \|", table, re.MULTILINE)

    assert told == list(archive.RECORDS)


def test_the_manifest_of_the_page_is_one():
    text = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0]
    text = text.replace("5e0c…", "5e" * 32)

    manifest = archive.Manifest.model_validate_json(text)

    assert manifest.version == archive.VERSION

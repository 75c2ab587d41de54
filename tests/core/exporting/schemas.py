"""The schemas of payloads that the documentation shows."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "docs" / "reference" / "schemas"


def read_schema(payload):
    return json.loads((FOLDER / f"{payload}.schema.json").read_text())

"""Runs somebody's script as it is, and writes down every answer that it got.

    python recorder.py ANSWERS.json SCRIPT.py

Whatever the script asks by, httpx or requests, is overheard here; the script knows
nothing of it. It is run in the SDK's environment, so it imports nothing of ours.
"""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import requests

ANSWERS = []
FORMATS = ("exportType", "export_type")


def main():
    target, script = sys.argv[1:]
    overhear(httpx.Client, lambda answer: answer.read())
    overhear(requests.Session, lambda answer: answer.content)
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        Path(target).write_text(json.dumps(ANSWERS))


def overhear(client, read):
    send = client.send

    def send_and_note(self, request, **options):
        answer = send(self, request, **options)
        content = read(answer)
        note(request, answer, content)
        return answer

    client.send = send_and_note


def note(request, answer, content):
    ANSWERS.append(
        {
            "request": f"{request.method} {name_path(str(request.url))}",
            "status": answer.status_code,
            "body": read_body(content),
        }
    )


def name_path(url):
    """The path, with the same name for every row; and which format is asked for."""
    parts = urlsplit(url)
    path = re.sub(r"(?<=/)\d+(?=/|$)", "{id}", parts.path)
    query = parse_qs(parts.query)
    formats = [value for name in FORMATS for value in query.get(name, [])]
    return f"{path} as {formats[0]}" if formats else path


def read_body(content):
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")[:2000]


main()

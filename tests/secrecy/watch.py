"""Every secret that the tests plant is looked for in everything that comes out.

Secrets are learned where they go in: what the vault is asked to seal, its master keys,
passwords when they are hashed, and the tokens that requests bring. They are looked for
in each answer of the application, in what was printed and logged, in what processes
wrote, and in archives.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import re2

SHORTEST = 8  # a shorter one is found everywhere
CHUNK = 1 << 20
ENTRIES = 2000
BROKEN = (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError)  # one is encrypted
MOST = 4 << 20  # bytes of one answer that are searched; the rest is media
WORDS = re2.compile(r"[a-z]{0,15}(?:[ -][a-z]{0,15})*")  # pages have words like these
_AROUND = 60


@dataclass(frozen=True)
class Leak:
    """A secret that came out, and where."""

    test: str
    place: str
    secret: str
    text: str

    def describe(self) -> str:
        """One line, without the secret."""
        return f"{self.secret} in {self.place}: {self.text!r}  {self.test}"


@dataclass
class Watch:
    """What is looked for, what was found, and how much was looked at."""

    counts: Counter[str] = field(default_factory=Counter)
    leaks: list[Leak] = field(default_factory=list)
    test: str = ""

    def __post_init__(self) -> None:
        self._names: dict[bytes, str] = {}
        self._logged: dict[bytes, str] = {}
        self._pattern: Any = None
        self._log_pattern: Any = None

    # Learning

    def learn(self, secret: str, name: str) -> None:
        """Look for this from now on, wherever something comes out."""
        self._add(self._names, secret, name)

    def learn_shown_once(self, secret: str, name: str) -> None:
        """Look for this in logs alone: an answer shows it when it was made."""
        self._add(self._logged, secret, name)

    def _add(self, known: dict[bytes, str], secret: str, name: str) -> None:
        if len(secret) < SHORTEST or WORDS.fullmatch(secret):
            self.counts["secrets of plain words, not looked for"] += 1
            return
        if secret.encode() in known:
            return
        for form in list_forms(secret):
            known[form] = name
        self._pattern = self._log_pattern = None
        self.counts["secrets"] += 1

    # Looking

    def look(self, place: str, content: bytes) -> None:
        """Look for all secrets in a piece of what came out."""
        if self._pattern is None:
            self._pattern = _compile(self._names)
        self._search(self._pattern, self._names, place, content)

    def look_in_log(self, place: str, text: str) -> None:
        """Look into what was printed or logged."""
        if not text:
            return
        self.counts["lines of logs"] += text.count("\n") + 1
        content = text.encode(errors="replace")
        self.look(place, content)
        if self._log_pattern is None:
            self._log_pattern = _compile(self._logged)
        self._search(self._log_pattern, self._logged, place, content)

    def look_in_archive(self, place: str, file: Any) -> None:
        """Look into the entries of a zip archive; broken ones are made by tests."""
        try:
            with zipfile.ZipFile(file) as archive:
                for entry in archive.infolist()[:ENTRIES]:
                    self._look_at_entry(place, archive, entry)
        except (*BROKEN, OSError, EOFError, NotImplementedError):
            self.counts["broken archives"] += 1

    def _look_at_entry(
        self, place: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo
    ) -> None:
        self.counts["archive entries"] += 1
        where = f"{place}!{entry.filename}"
        self.look(where, entry.filename.encode(errors="replace"))
        with archive.open(entry) as content:
            self.look(where, content.read(MOST))

    def _search(
        self, pattern: Any, names: dict[bytes, str], place: str, content: bytes
    ) -> None:
        found = pattern.search(content) if pattern else None
        if found is None:
            return
        start, end = found.span()
        before = content[max(0, start - _AROUND) : start]
        after = content[end : end + _AROUND]
        text = (before + b"[here]" + after).decode(errors="replace")
        self.leaks.append(Leak(self.test, place, names[found[0]], text))


def list_forms(secret: str) -> set[bytes]:
    """A secret as it may be written: plain, in a URL, in JSON, in base64."""
    plain = secret.encode()
    forms = {plain, quote(secret, safe="").encode(), quote(secret).encode()}
    forms.add(json.dumps(secret)[1:-1].encode())
    for shift in range(3):  # wherever in a longer text it begins
        encoded = base64.b64encode(b"\0" * shift + plain)
        start = (0, 2, 3)[shift]
        whole = (len(plain) + shift) // 3 * 4
        inner = encoded[start + (2 if shift else 0) : whole]
        if len(inner) >= SHORTEST:
            forms.add(inner)
    return forms


def _compile(names: dict[bytes, str]) -> Any:
    if not names:
        return None
    options = re2.Options()
    options.max_mem = 256 << 20
    options.encoding = re2.Options.Encoding.LATIN1
    longest_first = sorted(names, key=len, reverse=True)
    return re2.compile(b"|".join(map(re2.escape, longest_first)), options)


class Answer:
    """One answer of the application, looked at as it is sent."""

    def __init__(self, watch: Watch, place: str) -> None:
        self._watch, self._place = watch, place
        self._pending, self._size = b"", 0
        self._whole: list[bytes] | None = None

    def start(self, message: dict[str, Any]) -> None:
        """Look at the headers."""
        self._watch.counts["answers"] += 1
        headers = b"\n".join(b"%s: %s" % pair for pair in message.get("headers", ()))
        self._watch.look(f"{self._place}, headers", headers)

    def take(self, message: dict[str, Any]) -> None:
        """Look at a piece of the body, with the end of the one before."""
        body = bytes(message.get("body", b""))
        if self._size < MOST:
            self._pending += body
        if not self._size and body.startswith(b"PK\x03\x04"):
            self._whole = []
        if self._whole is not None and self._size < MOST:
            self._whole.append(body)
        self._size += len(body)
        is_last = not message.get("more_body", False)
        if len(self._pending) > CHUNK or (is_last and self._pending):
            self._watch.look(self._place, self._pending)
            self._pending = self._pending[-512:]
        if is_last:
            self._finish()

    def _finish(self) -> None:
        self._watch.counts["bytes of answers"] += self._size
        whole = b"".join(self._whole or ())
        if whole and self._size <= MOST and zipfile.is_zipfile(io.BytesIO(whole)):
            self._watch.look_in_archive(self._place, io.BytesIO(whole))

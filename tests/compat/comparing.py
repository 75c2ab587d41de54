"""What differs between the answers of two services to the same script, field by field.

First what must differ is taken out of them: numbers of rows, times, addresses. Then
they are walked side by side: a field that is missing or one too many, a value of
another type, another value.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest

_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IDS = re.compile(
    r"(^|_)(id|ids|pk)$|^(task|tasks|project|projects|annotation|created_by|updated_by|"
    r"completed_by|annotator|annotators|task_ids|import_id|organization|inner_id|"
    r"active_organization|converted_format|annotations_ids|last_sync_job|unique_id)$"
)
_PROGRAM = re.compile(r"^(message|commit|date|branch|short_version)$")  # of a checkout
_HTML = re.compile(r"\s*<(!doctype|html)", re.IGNORECASE)
_MEASURED = re.compile(r"(^|_)(duration|seconds|size|md5|hash)$")


@dataclass(frozen=True, order=True)
class Difference:
    """One of them.

    `kind` is `missing` (we have not what they have), `extra`, `type`, `value`,
    `status` (also where one of them has no such answer).
    """

    answer: str
    field: str
    kind: str
    theirs: str = ""
    ours: str = ""


def clean(answers, places):
    """Answers without what differs from run to run.

    Args:
        answers: as the recorder wrote them.
        places: by what is written in them, an address or a version, its name.
    """
    found, times = [], Counter()
    for answer in answers:
        body = _clean(answer["body"], places)
        plain = {"answer": answer["request"], "status": answer["status"], "body": body}
        if found and _is_repeated(found[-1], plain):
            found.pop()
        found.append(plain)
    for plain in found:
        times[plain["answer"]] += 1
        count = times[plain["answer"]]
        plain["answer"] += f" #{count}" if count > 1 else ""
    return found


def _is_repeated(last, plain):
    """Whether it was asked once more, as those do who wait, or try again."""
    return (last["answer"], last["status"]) == (plain["answer"], plain["status"])


def _clean(value, places, name=""):
    if isinstance(value, dict):
        return {key: _clean(each, places, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean(each, places, name) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if _MEASURED.search(name):
        return "<measured>"
    if _IDS.search(name) and (isinstance(value, int) or str(value).isdecimal()):
        return "<number>" if isinstance(value, int) else "<number as text>"
    return _clean_text(value, places, name) if isinstance(value, str) else value


def _clean_text(text, places, name):
    for written, called in places.items():
        text = text.replace(written, called)
    text = _TIME.sub(lambda match: f"<time{match[1].strip()}>", text)
    text = _UUID.sub("<uuid>", text)
    if name == "version" and text != "<version>":
        return "<version of a part>"
    if _HTML.match(text):
        return "<a page>"
    return "<program>" if _PROGRAM.search(name) else text


def compare(theirs, ours):
    """The differences between two lists of cleaned answers."""
    known = {plain["answer"]: plain for plain in ours}
    for their in theirs:
        name, our = their["answer"], known.pop(their["answer"], None)
        if our is None:
            yield Difference(name, "", "status", str(their["status"]), "never asked")
        elif their["status"] != our["status"]:
            statuses = str(their["status"]), str(our["status"])
            yield Difference(name, "", "status", *statuses)
        else:
            yield from _compare(name, "", their["body"], our["body"])
    for name, our in known.items():
        yield Difference(name, "", "status", "never asked", str(our["status"]))


def _compare(name, field, their, our):
    kinds = _name_kind(their), _name_kind(our)
    if kinds[0] != kinds[1]:
        yield Difference(name, field, "type", *map(_show, (their, our)))
    elif isinstance(their, dict):
        yield from _compare_objects(name, field, their, our)
    elif isinstance(their, list):
        yield from _compare_lists(name, field, their, our)
    elif their != our:
        yield Difference(name, field, "value", _show(their), _show(our))


def _compare_objects(name, field, their, our):
    for key in sorted(their.keys() | our.keys()):
        path = f"{field}.{key}".lstrip(".")
        if key not in our:
            yield Difference(name, path, "missing", _show(their[key]))
        elif key not in their:
            yield Difference(name, path, "extra", ours=_show(our[key]))
        else:
            yield from _compare(name, path, their[key], our[key])


def _compare_lists(name, field, their, our):
    if len(their) != len(our):
        counts = f"{len(their)} items", f"{len(our)} items"
        yield Difference(name, f"{field}[]", "value", *counts)
    for one, other in zip_longest(their[: len(our)], our[: len(their)]):
        yield from _compare(name, f"{field}[]", one, other)


def _name_kind(value):
    """Whether a number has a fraction is nothing to JSON, and to no client."""
    return "number" if type(value) in {int, float} else type(value).__name__


def _show(value):
    if isinstance(value, dict):
        return "{}" if not value else "an object"
    if isinstance(value, list):
        return "[]" if not value else "a list"
    return str(value).replace("\n", " ")[:60] if value is not None else "null"

"""Keys for choices and labels: those of the label config, then digits, then letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from labeldock.services.labelling.controls import Control

# Without the letters that do something else: s skips, n adds a rectangle.
_FREE: Final = "1234567890qwertyuiopadfghjklzxcvbm"
_TAKEN: Final = frozenset("sn")


def give_keys(controls: Iterable[Control]) -> dict[tuple[str, int], str]:
    """A key by the name of a control and the place of an option; some have none."""
    places = [
        (control.name, place, wanted)
        for control in controls
        for place, wanted in enumerate(_list_wanted(control))
    ]
    keys: dict[tuple[str, int], str] = {}
    used = set(_TAKEN)
    for name, place, wanted in places:
        if wanted and wanted not in used and wanted.isalnum():
            keys[name, place] = wanted
            used.add(wanted)
    free = (each for each in _FREE if each not in used)
    for name, place, _ in places:
        if (name, place) not in keys and (key := next(free, "")):
            keys[name, place] = key
    return keys


def _list_wanted(control: Control) -> list[str]:
    """What the label config asks for, by the place of each option."""
    if control.kind == "rating":
        return [""] * control.stars
    return [each.hotkey for each in control.options]

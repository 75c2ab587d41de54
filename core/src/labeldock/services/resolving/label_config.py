"""What a label config says about the data of tasks: the name of the first value."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from xml.parsers import expat

_VARIABLE: Final = re.compile(r"\$(\w[\w.-]*)")
_ATTRIBUTES: Final = ("value", "valueList", "valuelist")


@lru_cache(maxsize=256)
def find_first_data_key(label_config: str) -> str | None:
    """The first `$name` that a tag shows, e.g. "image" of `value="$image"`.

    None if there is none, or the label config is not well-formed XML.
    """
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_declaration
    parser.StartElementHandler = _look_at_element
    try:
        parser.Parse(label_config.encode(errors="replace"), True)  # noqa: FBT003
    except _Found as found:
        return found.name
    except (expat.ExpatError, _Declaration):
        return None
    return None


class _Found(Exception):
    """Ends the parsing, since nothing after the first one matters."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Declaration(Exception):
    """Entities are declared in a DOCTYPE, which a label config has no use for."""


def _refuse_declaration(*_: object) -> None:
    raise _Declaration


def _look_at_element(_tag: str, attributes: dict[str, str]) -> None:
    for name in _ATTRIBUTES:
        found = _VARIABLE.match(attributes.get(name, ""))
        if found:
            raise _Found(found[1])

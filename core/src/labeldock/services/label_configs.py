"""Whether a label config can be meant: well-formed, and its tags find one another.

What the tags themselves mean is left to those who draw them.
"""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

from labeldock.contract.errors import InvalidInput

_FIELD: Final = "label_config"
_MOST_CHARACTERS: Final = 2**20


def check_label_config(text: object) -> str:
    """A label config that is text, XML, and whose controls name objects that exist.

    Raises:
        InvalidInput: it is not; says where.
    """
    if not isinstance(text, str) or not text.strip():
        raise InvalidInput("Give the label config as XML.", field=_FIELD)
    if len(text) > _MOST_CHARACTERS:
        raise InvalidInput(f"Longer than {_MOST_CHARACTERS} characters.", field=_FIELD)
    tags = _Tags()
    tags.read(text)
    if tags.missing:
        raise InvalidInput(
            f"There is no tag named {tags.missing[0][:100]!r}.",
            field=_FIELD,
            remedy="toName has to be the name of another tag.",
        )
    return text


class _Tags:
    """The names of the tags, and those that they ask for."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._wanted: list[str] = []

    @property
    def missing(self) -> list[str]:
        return [name for name in self._wanted if name not in self._names]

    def read(self, text: str) -> None:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._note
        try:
            parser.Parse(text.encode(errors="replace"), True)  # noqa: FBT003
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            where = f"line {error.lineno}, column {error.offset + 1}"
            raise InvalidInput(f"Not XML: {reason} ({where}).", field=_FIELD) from None

    def _refuse(self, *_: object) -> None:
        raise InvalidInput("A DOCTYPE is not allowed.", field=_FIELD)

    def _note(self, _tag: str, attributes: dict[str, str]) -> None:
        if name := attributes.get("name"):
            self._names.add(name)
        wanted = attributes.get("toName") or attributes.get("toname") or ""
        self._wanted += [name.strip() for name in wanted.split(",") if name.strip()]

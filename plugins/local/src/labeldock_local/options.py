"""The settings of a local storage, and of the provider as a whole."""

from __future__ import annotations

import posixpath
from typing import Final

from pydantic import Field, field_validator

from labeldock.contract import OperatorOptions, StorageOptions

ROOTS_VARIABLE: Final = "LABELDOCK_LOCAL_ROOTS"
"""Where an operator says which folders may be connected."""


class LocalOptions(StorageOptions):
    """A folder of the machine that Labeldock runs on."""

    path: str = Field(
        title="Folder",
        description=(
            "Absolute path of a folder on the server, at or below a folder that the"
            f" operator allowed with {ROOTS_VARIABLE}."
        ),
        examples=["/srv/media/photos"],
    )

    @field_validator("path")
    @classmethod
    def _normalise(cls, path: str) -> str:
        return normalise_folder(path.strip().replace("\\", "/"))

    def base_uri(self) -> str:
        """`local://`, the folder and a slash, e.g. `local:///srv/media/`."""
        return f"local://{self.path.rstrip('/')}/"


class LocalOperatorOptions(OperatorOptions):
    """Which folders of the machine may be connected."""

    roots: tuple[str, ...] = Field(
        default=(),
        title="Allowed folders",
        description=(
            "Absolute paths. A local storage has to lie at or below one of them;"
            " without any, no local storage can be used."
        ),
        json_schema_extra={"env": ["LOCAL_FILES_DOCUMENT_ROOT"]},
    )

    @field_validator("roots")
    @classmethod
    def _normalise(cls, roots: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(normalise_folder(root.strip()) for root in roots if root.strip())


def normalise_folder(path: str) -> str:
    """`normpath`, without the double slash that POSIX lets it keep at the start.

    Raises:
        ValueError: it is not absolute, or no path at all.
    """
    if not path.startswith("/"):
        raise ValueError("has to be an absolute path, such as /srv/media")
    if "\0" in path or not _is_unicode(path):
        raise ValueError("must not contain a NUL character or a lone surrogate")
    return "/" + posixpath.normpath(path).lstrip("/")


def _is_unicode(path: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in path)

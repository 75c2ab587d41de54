"""The documents of a CVAT backup, as far as they are read."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from labeldock.db.types import load_json
from labeldock.services.restoring.archives import refuse

VERSION: Final = "1.0"
ModelT = TypeVar("ModelT")
Number = Annotated[int, Field(ge=0)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Attribute(_Document):
    """What can be said of a shape beside its label."""

    name: str
    input_type: str = "text"
    values: tuple[str, ...] | str = ()

    @property
    def choices(self) -> tuple[str, ...]:
        """The values to choose from; CVAT writes them as lines or as a list."""
        values = self.values
        return tuple(values.split("\n")) if isinstance(values, str) else values


class Label(_Document):
    """A label; `type` says which shapes it is for."""

    name: str
    color: str = ""
    type: str = "any"
    attributes: tuple[Attribute, ...] = ()
    sublabels: tuple[Any, ...] = ()


class Given(_Document):
    """The value of an attribute."""

    name: str
    value: str | int | float | bool | None = None

    @property
    def text(self) -> str:
        """The value as text, as CVAT shows it."""
        return (
            str(self.value).lower() if isinstance(self.value, bool) else str(self.value)
        )


class Tag(_Document):
    """A label of a whole frame."""

    frame: Number
    label: str
    attributes: tuple[Given, ...] = ()


class Shape(_Document):
    """A shape on one frame; of a track, how it is from that frame on."""

    frame: Number
    type: str
    label: str = ""
    points: tuple[float, ...] = ()
    rotation: float = 0.0
    occluded: bool = False
    outside: bool = False
    group: int | None = 0
    z_order: int = 0
    attributes: tuple[Given, ...] = ()
    elements: tuple[Any, ...] = ()


class Track(_Document):
    """Something followed through frames; `shapes` are those where it was drawn."""

    frame: Number
    label: str
    shapes: tuple[Shape, ...] = ()
    attributes: tuple[Given, ...] = ()
    elements: tuple[Any, ...] = ()


class JobAnnotations(_Document):
    """annotations.json: what was said in one job."""

    version: int = 0
    tags: tuple[Tag, ...] = ()
    shapes: tuple[Shape, ...] = ()
    tracks: tuple[Track, ...] = ()


class Job(_Document):
    """A stretch of frames that somebody labels."""

    type: str = "annotation"


class Data(_Document):
    """How a task's media lie in the archive, or in a bucket."""

    start_frame: Number = 0
    stop_frame: Number | None = None
    frame_filter: str = ""
    storage: str = "local"
    sorting_method: str = "lexicographical"
    deleted_frames: tuple[Number, ...] = ()


class TaskDocument(_Document):
    """task.json."""

    name: str = "task"
    version: str
    subset: str = ""
    labels: tuple[Label, ...] = ()
    data: Data = Data()
    jobs: tuple[Job, ...] = ()


class ProjectDocument(_Document):
    """project.json."""

    name: str = "project"
    version: str
    labels: tuple[Label, ...] = ()


class ManifestItem(_Document):
    """A line of manifest.jsonl about an image."""

    name: str
    extension: str = ""
    width: Annotated[int, Field(gt=0)] | None = None
    height: Annotated[int, Field(gt=0)] | None = None
    meta: dict[str, Any] = Field(default_factory=dict)


def parse(kind: type[ModelT], entry: str, raw: bytes) -> ModelT:
    """A document of an archive.

    Raises:
        InvalidArchive: it is not one; says in which entry and where.
    """
    try:
        return TypeAdapter(kind).validate_python(load_json(raw))
    except orjson.JSONDecodeError as error:
        raise refuse(entry, f"It is not JSON (line {error.lineno}).") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise refuse(entry, f"{place}: {first['msg']}.") from None


def ensure_version(entry: str, version: str) -> None:
    """Refuse a format that is not the known one.

    Raises:
        InvalidArchive: it is not.
    """
    if version != VERSION:
        raise refuse(entry, f"CVAT's version {version[:20]!r} is not known, only 1.0.")

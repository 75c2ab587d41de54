"""What the storages of one provider are sent and shown as, told by its settings model.

Secrets are written and never shown. Services validate what is sent, with the same
models and together with what is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, create_model

from labeldock.contract.options import secret_fields
from labeldock.contract.values import Purpose
from labeldock.host.binding import BoundProvider
from labeldock.host.references import select_model
from labeldock.services.storage_changes import SHOWN_FIELDS
from labeldock.services.storage_fields import FIELD_MODELS
from labeldock.web.inputs import Body, Reference, Whole, pick_fields

_WORDS: Final = {Purpose.IMPORT: "Import", Purpose.EXPORT: "Export"}


class StorageShape(BaseModel):
    """A storage, as far as it is the same for every provider."""

    id: int
    type: str = Field(description="The provider, by the name that clients know.")
    title: str | None
    description: str | None
    project: int
    created_at: datetime
    status: str = Field(
        description="initialized, queued, in_progress, completed, "
        "completed_with_errors or failed."
    )
    last_sync: datetime | None
    last_sync_count: int | None
    last_sync_job: str | None
    traceback: str | None = Field(description="What went wrong, and what to do.")
    next_run_at: datetime | None
    meta: dict[str, Any]


class AnyStorageShape(StorageShape):
    """A storage of any provider, with the fields of its own."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class StorageModels:
    """The models of one provider and purpose.

    Attributes:
        new: what creates a storage.
        change: what changes one.
        draft: what describes one, maybe a saved one with changes.
        shown: how one is shown.
    """

    new: type[Body]
    change: type[Body]
    draft: type[Body]
    shown: type[BaseModel]

    @property
    def known(self) -> frozenset[str]:
        """The names of the fields that can be set."""
        return frozenset(self.change.model_fields)


def build_models(bound: BoundProvider, purpose: Purpose) -> StorageModels:
    """The models of a provider's storages."""
    own, common = select_model(bound, purpose), FIELD_MODELS[purpose]
    name = f"{bound.info.name.title().replace('_', '')}{_WORDS[purpose]}"
    fields = frozenset(own.model_fields) | frozenset(SHOWN_FIELDS[purpose])
    needed = frozenset(n for n, info in own.model_fields.items() if info.is_required())
    models = (own, common)
    return StorageModels(
        new=pick_fields(
            f"{name}New",
            *models,
            only=fields,
            required=needed | {"project"},
            project=Reference,
        ),
        change=pick_fields(f"{name}Change", *models, only=fields),
        draft=pick_fields(
            f"{name}Draft",
            *models,
            only=fields,
            project=Reference,
            id=Reference,
            limit=Whole | None,
        ),
        shown=_build_shown(name, own, purpose),
    )


def _build_shown(name: str, own: type[BaseModel], purpose: Purpose) -> type[BaseModel]:
    """The settings may need attention, so any of them may be missing."""
    secrets = secret_fields(own)
    common = FIELD_MODELS[purpose].model_fields
    infos = {n: info for n, info in own.model_fields.items() if n not in secrets}
    infos |= {n: common[n] for n in SHOWN_FIELDS[purpose]}
    fields: dict[str, Any] = {
        key: (info.annotation | None, Field(None, description=info.description))
        for key, info in infos.items()
        if info.annotation is not None and key not in StorageShape.model_fields
    }
    return create_model(f"{name}Storage", __base__=StorageShape, **fields)

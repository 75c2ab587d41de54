"""What a client can do with the storages of one provider and purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.values import Purpose
from labeldock.host.binding import BoundProvider
from labeldock.host.references import select_model
from labeldock.services import storages
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.storages import SHOWN_FIELDS, StorageView
from labeldock.web.api.references import read_project_id
from labeldock.web.api.storage_shape import shape_storage
from labeldock.web.context import context_of
from labeldock.web.endpoints import Call
from labeldock.web.fields import parse_integer, select_fields
from labeldock.web.problems import build_answer
from labeldock.web.rendering import render_json, render_nothing


@dataclass(frozen=True, slots=True)
class StorageEndpoints:
    """The endpoints of one provider, for import or for export."""

    provider: str
    purpose: Purpose
    known: frozenset[str]

    def list_storages(self, call: Call) -> Response:
        """The storages of a project: a plain list, not a page."""
        project_id = call.query_integer("project")
        if project_id is None:
            raise InvalidInput('query parameter "project" is required')
        found = storages.list_storages(
            call.app, call.principal, project_id, self.purpose, provider=self.provider
        )
        return render_json([shape_storage(storage) for storage in found])

    def create_storage(self, call: Call) -> Response:
        """Connect a storage; a new export storage receives what exists already."""
        values, notes = select_fields(call.values, self.known | {"project"})
        draft = self._draft(read_project_id(call, values), values)
        storage = storages.connect_storage(call.app, call.principal, draft)
        return render_json(shape_storage(storage), 201, notes)

    def get_storage(self, call: Call) -> Response:
        """One storage."""
        return render_json(shape_storage(self._find(call, call.path_id())))

    def update_storage(self, call: Call) -> Response:
        """Change what is given; secrets that are left out are kept."""
        values, notes = select_fields(call.values, self.known)
        storage_id = self._find(call, call.path_id()).id
        storage = storages.update_storage(
            call.app, call.principal, storage_id, self.purpose, values
        )
        return render_json(shape_storage(storage), headers=notes)

    def delete_storage(self, call: Call) -> Response:
        """Disconnect a storage; its tasks and objects stay."""
        storage_id = self._find(call, call.path_id()).id
        storages.remove_storage(call.app, call.principal, storage_id, self.purpose)
        return render_nothing()

    def sync_storage(self, call: Call) -> Response:
        """Ask for a sync; answers at once, the status says how far it is."""
        storage = self._find(call, call.path_id())
        try:
            synced = storages.sync_storage(
                call.app, call.principal, storage.id, self.purpose
            )
        except InvalidInput as error:
            # Clients read this refusal from `message`, beside the usual body.
            answer = build_answer(error, context_of(call.request).correlation_id)
            body = {**answer.body, "message": error.message}
            return render_json(body, answer.status, answer.headers)
        return render_json(shape_storage(synced))

    def validate_storage(self, call: Call) -> Response:
        """Check a storage and save nothing; with `id`, secrets are the saved ones."""
        values, notes = select_fields(call.values, self.known | {"project", "id"})
        storage_id, given = None, values.pop("id", None)
        if given is not None and given != "":
            storage = self._find(call, parse_integer(given, "id"))
            storage_id = storage.id
            values.setdefault("project", storage.project_id)
        draft = self._draft(read_project_id(call, values), values)
        report = storages.validate_storage(
            call.app, call.principal, draft, storage_id=storage_id
        )
        if not report.is_ok:
            raise InvalidInput("The storage cannot be used.", problems=report.problems)
        return Response(status_code=200, headers=notes)

    def _draft(self, project_id: int, values: dict[str, Any]) -> StorageDraft:
        own = {k: v for k, v in values.items() if k in self.known}
        return StorageDraft(project_id, self.purpose, self.provider, own)

    def _find(self, call: Call, storage_id: int) -> StorageView:
        found = storages.get_storage(call.app, call.principal, storage_id, self.purpose)
        if found.provider != self.provider:
            raise NotFound(
                f"{self.purpose.value.capitalize()} storage {storage_id} is not of "
                f"the provider {self.provider}.",
                field="storage",
                remedy=f"It is of {found.provider}.",
            )
        return found


def build_endpoints(bound: BoundProvider, purpose: Purpose) -> StorageEndpoints:
    """The endpoints of a provider, which know the fields of its settings model."""
    fields = select_model(bound, purpose).model_fields
    known = frozenset(fields) | frozenset(SHOWN_FIELDS[purpose])
    return StorageEndpoints(bound.info.name, purpose, known)


def list_all_storages(call: Call, purpose: Purpose) -> Response:
    """The storages of a project, whatever their provider.

    Without a project, or with one that does not exist, the list is empty: clients ask
    before they have one.
    """
    project_id = call.query_integer("project")
    if project_id is None:
        return render_json([])
    try:
        found = storages.list_storages(call.app, call.principal, project_id, purpose)
    except NotFound:
        return render_json([])
    return render_json([shape_storage(storage) for storage in found])


def list_types(call: Call) -> Response:
    """The installed providers."""
    infos = [bound.info for bound in call.app.catalog.providers]
    return render_json(
        [{"name": i.api_type or i.name, "title": i.title} for i in infos]
    )


def refuse_type(call: Call) -> Response:
    """Answer for a provider that is not there, or for a path that it does not have.

    Raises:
        UnknownProvider, ProviderUnavailable: no such provider, or why it is not here.
        NotFound: the provider is here, the path is not.
    """
    call.app.catalog.provider(call.request.path_params["type"])
    raise NotFound("Not found.")

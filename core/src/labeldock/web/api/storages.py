"""What a client can do with the storages of one provider and purpose."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.values import Purpose
from labeldock.host.binding import BoundProvider
from labeldock.host.references import select_model
from labeldock.services import dry_runs, runs, storages
from labeldock.services.storage_changes import SHOWN_FIELDS
from labeldock.services.storage_checks import is_usable
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.storages import StorageView
from labeldock.web.api.references import read_project_id
from labeldock.web.api.run_shape import shape_run
from labeldock.web.api.storage_shape import shape_storage
from labeldock.web.api.waiting import read_wait, wait_for_end
from labeldock.web.context import context_of
from labeldock.web.endpoints import Call
from labeldock.web.fields import parse_boolean, parse_integer, select_fields
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
        return render_json(shape_storage(self.find(call, call.path_id())))

    def update_storage(self, call: Call) -> Response:
        """Change what is given; secrets that are left out are kept."""
        values, notes = select_fields(call.values, self.known)
        storage_id = self.find(call, call.path_id()).id
        storage = storages.update_storage(
            call.app, call.principal, storage_id, self.purpose, values
        )
        return render_json(shape_storage(storage), headers=notes)

    def delete_storage(self, call: Call) -> Response:
        """Disconnect a storage; its tasks and objects stay."""
        storage_id = self.find(call, call.path_id()).id
        storages.remove_storage(call.app, call.principal, storage_id, self.purpose)
        return render_nothing()

    def sync_storage(self, call: Call) -> Response | Coroutine[Any, Any, Response]:
        """Ask for a sync; answers at once with how far it is, or waits if asked to."""
        seconds, storage = read_wait(call), self.find(call, call.path_id())
        if _read_switch(call, "dry_run"):
            return self._try_sync(call, storage.id, seconds)
        try:
            synced = storages.sync_storage(
                call.app,
                call.principal,
                storage.id,
                self.purpose,
                only_new=_read_switch(call, "save_only_new_annotations"),
                retry_failed=bool(_read_switch(call, "retry_failed")),
            )
        except InvalidInput as error:
            # Clients read this refusal from `message`, beside the usual body.
            answer = build_answer(error, context_of(call.request).correlation_id)
            body = {**answer.body, "message": error.message}
            return render_json(body, answer.status, answer.headers)
        if not seconds or synced.run is None:
            return render_json(shape_storage(synced))
        return self._answer_later(call, synced.run.id, seconds)

    def _try_sync(
        self, call: Call, storage_id: int, seconds: float
    ) -> Response | Coroutine[Any, Any, Response]:
        """Ask what a sync would do; answers with the dry run, not with the storage."""
        run = dry_runs.request_dry_run(call.app, call.principal, storage_id)
        if not seconds:
            return render_json(shape_run(run))
        return self._show_later(call, run.id, seconds)

    async def _show_later(self, call: Call, run_id: int, seconds: float) -> Response:
        await wait_for_end(call, run_id, seconds)
        run = await run_in_threadpool(runs.get_run, call.app, call.principal, run_id)
        return render_json(shape_run(run))

    async def _answer_later(self, call: Call, run_id: int, seconds: float) -> Response:
        await wait_for_end(call, run_id, seconds)
        storage = await run_in_threadpool(self.find, call, call.path_id())
        return render_json(shape_storage(storage))

    def validate_storage(self, call: Call) -> Response:
        """Check a storage and save nothing; with `id`, secrets are the saved ones."""
        draft, storage_id, notes = self.read_draft(call)
        report = storages.validate_storage(
            call.app,
            call.principal,
            draft,
            storage_id=storage_id,
            origin=_find_origin(call),
        )
        if not is_usable(report):
            raise InvalidInput("The storage cannot be used.", problems=report.problems)
        if report.problems:
            warnings = [problem._asdict() for problem in report.problems]
            return render_json({"warnings": warnings}, 200, notes)
        return Response(status_code=200, headers=notes)

    def read_draft(self, call: Call) -> tuple[StorageDraft, int | None, dict[str, str]]:
        """A storage as a body tells it, the saved one that it is about, notes."""
        own = {"project", "id", "limit"}
        values, notes = select_fields(call.values, self.known | own)
        storage_id, given = None, values.pop("id", None)
        if given is not None and given != "":
            storage = self.find(call, parse_integer(given, "id"))
            storage_id = storage.id
            values.setdefault("project", storage.project_id)
        draft = self._draft(read_project_id(call, values), values)
        return draft, storage_id, notes

    def _draft(self, project_id: int, values: dict[str, Any]) -> StorageDraft:
        own = {k: v for k, v in values.items() if k in self.known}
        return StorageDraft(project_id, self.purpose, self.provider, own)

    def find(self, call: Call, storage_id: int) -> StorageView:
        """The storage, if it is of this provider and purpose.

        Raises:
            NotFound, NotAllowed: as they say.
        """
        found = storages.get_storage(call.app, call.principal, storage_id, self.purpose)
        if found.provider != self.provider:
            raise NotFound(
                f"{self.purpose.value.capitalize()} storage {storage_id} is not of "
                f"the provider {self.provider}.",
                field="storage",
                remedy=f"It is of {found.provider}.",
            )
        return found


def _find_origin(call: Call) -> str | None:
    """Where the pages are that media are to be shown on."""
    public = urlsplit(call.app.settings.public_url)
    own = f"{public.scheme}://{public.netloc}" if public.netloc else None
    return call.request.headers.get("origin") or own


def _read_switch(call: Call, name: str) -> bool | None:
    """Something that a sync may be told in the query or the body; None: it was not."""
    values = call.body if isinstance(call.body, dict) else {}
    given = call.request.query_params.get(name, values.get(name))
    return None if given in {None, ""} else parse_boolean(given, name)


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

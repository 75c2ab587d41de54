"""What a client can do with the storages of one provider and purpose."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from typing_extensions import TypedDict

from labeldock.contract.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StorageError,
)
from labeldock.contract.values import Purpose
from labeldock.host.binding import BoundProvider
from labeldock.services import dry_runs, runs, storages
from labeldock.services.access import Permission
from labeldock.services.storage_checks import is_usable
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.storages import StorageView
from labeldock.web.api.references import ProjectQuery, read_project_id
from labeldock.web.api.run_shape import shape_run
from labeldock.web.api.storage_models import AnyStorageShape, StorageModels
from labeldock.web.api.storage_shape import shape_storage
from labeldock.web.api.waiting import WaitQuery, wait_for_end
from labeldock.web.context import context_of
from labeldock.web.endpoints import Call
from labeldock.web.inputs import Body, Switch
from labeldock.web.operations import Content, Need, operation
from labeldock.web.problems import build_answer
from labeldock.web.rendering import render_json, render_nothing


def _parse_empty(value: object) -> object:
    return None if value == "" else value


Choice = Annotated[Switch | None, BeforeValidator(_parse_empty)]


class SyncQuery(WaitQuery):
    """How a sync is done; each can be given in the body instead."""

    dry_run: Switch | None = Field(default=None, description="Change nothing.")
    save_only_new_annotations: Switch | None = None
    retry_failed: Switch | None = None


class SyncBody(Body):
    """How a sync is done."""

    dry_run: Choice = None
    save_only_new_annotations: Choice = None
    retry_failed: Choice = None


class TypeShape(TypedDict):
    """An installed provider."""

    name: str
    title: str


class Warnings(TypedDict, total=False):
    """What can be used, and what to know about it."""

    warnings: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class StorageEndpoints:
    """The endpoints of one provider, for import or for export."""

    provider: str
    purpose: Purpose
    known: frozenset[str]

    @operation(Permission.VIEW)
    def list_storages(self, call: Call, query: ProjectQuery) -> Response:
        """The storages of a project: a plain list, not a page."""
        found = storages.list_storages(
            call.app,
            call.principal,
            query.require(),
            self.purpose,
            provider=self.provider,
        )
        return render_json([shape_storage(storage) for storage in found])

    @operation(Permission.MANAGE, errors=(StorageError,))
    def create_storage(self, call: Call, body: Body) -> Response:
        """Connect a storage; a new export storage receives what exists already."""
        values = body.given()
        draft = self._draft(read_project_id(call, values), values)
        storage = storages.connect_storage(call.app, call.principal, draft)
        return render_json(shape_storage(storage), 201)

    @operation(Permission.VIEW)
    def get_storage(self, call: Call) -> Response:
        """One storage."""
        return render_json(shape_storage(self.find(call, call.path_id())))

    @operation(Permission.MANAGE, errors=(Conflict, StorageError))
    def update_storage(self, call: Call, body: Body) -> Response:
        """Change what is given; secrets that are left out are kept."""
        storage_id = self.find(call, call.path_id()).id
        storage = storages.update_storage(
            call.app, call.principal, storage_id, self.purpose, body.given()
        )
        return render_json(shape_storage(storage))

    @operation(Permission.MANAGE, errors=(Conflict,))
    def delete_storage(self, call: Call) -> Response:
        """Disconnect a storage; its tasks and objects stay."""
        storage_id = self.find(call, call.path_id()).id
        storages.remove_storage(call.app, call.principal, storage_id, self.purpose)
        return render_nothing()

    @operation(Permission.MANAGE, errors=(Conflict, StorageError))
    def sync_storage(
        self, call: Call, query: SyncQuery, body: SyncBody
    ) -> Response | Coroutine[Any, Any, Response]:
        """Ask for a sync; answers at once with how far it is, or waits if asked to."""
        wish = {**body.given(), **query.model_dump(exclude_unset=True)}
        seconds, storage = query.choose(call.app), self.find(call, call.path_id())
        if wish.get("dry_run"):
            return self._try_sync(call, storage.id, seconds)
        try:
            synced = storages.sync_storage(
                call.app,
                call.principal,
                storage.id,
                self.purpose,
                only_new=wish.get("save_only_new_annotations"),
                retry_failed=bool(wish.get("retry_failed")),
            )
        except InvalidInput as error:
            # Clients read this refusal from `message`, beside the usual body.
            answer = build_answer(error, context_of(call.request).correlation_id)
            told = {**answer.body, "message": error.message}
            return render_json(told, answer.status, answer.headers)
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

    @operation(
        Permission.MANAGE,
        returns=Content({"application/json": Warnings}, "Empty if all is well."),
        errors=(StorageError,),
    )
    def validate_storage(self, call: Call, body: Body) -> Response:
        """Check a storage and save nothing; with `id`, secrets are the saved ones."""
        draft, storage_id = self.read_draft(call, body.given())
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
            return render_json({"warnings": warnings})
        return Response(status_code=200)

    def read_draft(
        self, call: Call, values: dict[str, Any]
    ) -> tuple[StorageDraft, int | None]:
        """A storage as a body tells it, and the saved one that it is about."""
        storage_id = values.pop("id", None)
        if storage_id is not None:
            storage = self.find(call, storage_id)
            values.setdefault("project", storage.project_id)
        return self._draft(read_project_id(call, values), values), storage_id

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


def build_endpoints(
    bound: BoundProvider, purpose: Purpose, models: StorageModels
) -> StorageEndpoints:
    """The endpoints of a provider, which know the fields of its settings model."""
    return StorageEndpoints(bound.info.name, purpose, models.known)


@operation(Permission.VIEW, returns=list[AnyStorageShape])
def list_all_storages(call: Call, query: ProjectQuery, purpose: Purpose) -> Response:
    """The storages of a project, whatever their provider.

    Without a project, or with one that does not exist, the list is empty: clients ask
    before they have one.
    """
    if query.project is None:
        return render_json([])
    try:
        found = storages.list_storages(call.app, call.principal, query.project, purpose)
    except NotFound:
        return render_json([])
    return render_json([shape_storage(storage) for storage in found])


@operation(Need.LOGIN, returns=list[TypeShape])
def list_types(call: Call) -> Response:
    """The installed providers."""
    infos = [bound.info for bound in call.app.catalog.providers]
    return render_json(
        [{"name": i.api_type or i.name, "title": i.title} for i in infos]
    )


@operation(Need.LOGIN, is_shown=False)
def refuse_type(call: Call) -> Response:
    """Answer for a provider that is not there, or for a path that it does not have.

    Raises:
        UnknownProvider, ProviderUnavailable: no such provider, or why it is not here.
        NotFound: the provider is here, the path is not.
    """
    call.app.catalog.provider(call.request.path_params["type"])
    raise NotFound("Not found.")

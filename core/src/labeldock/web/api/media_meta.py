"""/api/{projects|tasks}/{id}/data/meta: where media come from, attach and detach.

Beside it, what removing a storage would detach.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import Conflict, InvalidInput
from labeldock.services.access import Permission
from labeldock.services.slots.attaching import Attached, AttachOrder, attach_storage
from labeldock.services.slots.check_run import request_check
from labeldock.services.slots.detaching import Removal, describe_removal, detach_slot
from labeldock.services.slots.meta import MediaMeta, describe_project, describe_task
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Reference, Switch
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json

_SAMPLE: Final = 20


class SlotShape(TypedDict):
    """A place that references belong to; `state`: connected, kept or detached."""

    id: int | None
    name: str
    state: str
    provider: str
    base_uri: str
    prefix: str
    options: dict[str, Any]
    cloud_storage_id: int | None
    mapped_prefix: str
    tasks: int


class MetaShape(TypedDict):
    """Where media come from: `storage` is cloud_storage, or local if they lie here."""

    storage: Literal["cloud_storage", "local"]
    cloud_storage_id: int | None
    size: int
    slots: list[SlotShape]


class FindingShape(TypedDict):
    """An object that was not found as expected."""

    key: str
    verdict: str
    message: str


class CheckShape(TypedDict):
    """What was found of the objects that were looked for."""

    checked: int
    counts: dict[str, int]
    problems: list[FindingShape]


class ChangeShape(TypedDict):
    """What a change came to.

    `linked` references are links of the storage now, `left` ones could not be.
    """

    linked: int
    left: int
    replaced_storage_id: int | None
    is_dry: bool
    check: CheckShape | None
    check_run: int | None


class ChangedMetaShape(MetaShape):
    """Where media come from now, and what the change came to."""

    change: ChangeShape | None


class MetaBody(Body):
    """Which storage is to serve the media; null takes it away again."""

    cloud_storage_id: Reference = Field(
        default=None, description="An import storage of the project; null detaches."
    )
    slot: str | None = Field(
        default=None,
        description="The name of the slot; not needed where only one can be meant.",
    )
    prefix: str | None = Field(
        default=None,
        description="What keys begin with in the storage, in place of the slot's "
        "prefix; left out, the storage's own prefix.",
    )
    verify: Literal["none", "sample", "all"] = Field(
        default="none",
        description="Look for referenced objects: some of them before, or all of them "
        "in a run afterwards.",
    )
    dry_run: Annotated[Switch, Field(description="Only look; change nothing.")] = False


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(
            "/api/projects/{id:int}/data/meta",
            GET=get_project_meta,
            PATCH=change_project_meta,
        ),
        build_route(
            "/api/tasks/{id:int}/data/meta", GET=get_task_meta, PATCH=change_task_meta
        ),
        build_route("/api/storages/{id:int}/removal", GET=get_removal),
    ]


@operation(Permission.VIEW, returns=MetaShape, tag="backups")
def get_project_meta(call: Call) -> Response:
    """Where the media of a project come from."""
    meta = describe_project(call.app, call.principal, call.path_id())
    return render_json(_shape(meta))


@operation(Permission.VIEW, returns=MetaShape, tag="backups")
def get_task_meta(call: Call) -> Response:
    """Where the media of a task come from."""
    meta = describe_task(call.app, call.principal, call.path_id())
    return render_json(_shape(meta))


@operation(
    Permission.MANAGE, returns=ChangedMetaShape, errors=(Conflict,), tag="backups"
)
def change_project_meta(call: Call, body: MetaBody) -> Response:
    """Attach a storage to a slot of a project, replace it, or detach it."""
    meta = describe_project(call.app, call.principal, call.path_id())
    change = _change(call, body, meta)
    meta = describe_project(call.app, call.principal, call.path_id())
    return render_json({**_shape(meta), "change": change})


@operation(
    Permission.MANAGE, returns=ChangedMetaShape, errors=(Conflict,), tag="backups"
)
def change_task_meta(call: Call, body: MetaBody) -> Response:
    """The same for the slot of a task, and so for all tasks of that slot."""
    meta = describe_task(call.app, call.principal, call.path_id())
    if body.slot is None and len(meta.slots) == 1:
        body = body.model_copy(update={"slot": meta.slots[0].slot.name})
    change = _change(call, body, meta)
    meta = describe_task(call.app, call.principal, call.path_id())
    return render_json({**_shape(meta), "change": change})


@operation(Permission.VIEW, returns=Removal, tag="storages")
def get_removal(call: Call) -> Response:
    """What would be detached if a storage was removed; nothing is changed."""
    removal = describe_removal(call.app, call.principal, call.path_id())
    return render_json(asdict(removal))


def _change(call: Call, body: MetaBody, meta: MediaMeta) -> ChangeShape | None:
    if "cloud_storage_id" not in body.model_fields_set:
        raise InvalidInput("This field is required.", field="cloud_storage_id")
    if body.cloud_storage_id is None:
        slot_id = _find_connected(meta, body.slot)
        if not body.dry_run:
            detach_slot(call.app, call.principal, meta.project_id, slot_id)
        return None
    order = AttachOrder(
        project_id=meta.project_id,
        storage_id=body.cloud_storage_id,
        slot=body.slot,
        prefix=body.prefix,
        sample=_SAMPLE if body.verify == "sample" else 0,
        is_dry=body.dry_run,
    )
    attached = attach_storage(call.app, call.principal, order)
    run_id = None
    if body.verify == "all" and not body.dry_run:
        run_id = request_check(call.app, call.principal, order.storage_id).id
    return _shape_change(attached, run_id, is_dry=body.dry_run)


def _find_connected(meta: MediaMeta, name: str | None) -> int:
    """The slot that a storage is to be taken from."""
    slots = [use.slot for use in meta.slots if use.slot.id is not None]
    if name is not None:
        slots = [slot for slot in slots if slot.name == name]
    else:
        slots = [slot for slot in slots if slot.storage_id is not None] or slots
    if len(slots) != 1 or slots[0].id is None:
        raise InvalidInput(
            "There is no slot, or no single one, that a storage was attached to.",
            field="slot",
            remedy="Name it; a storage that stands for itself is deleted instead.",
        )
    return slots[0].id


def _shape(meta: MediaMeta) -> MetaShape:
    return {
        "storage": meta.storage,
        "cloud_storage_id": meta.storage_id,
        "size": meta.size,
        "slots": [
            {
                "id": use.slot.id,
                "name": use.slot.name,
                "state": use.slot.state,
                "provider": use.slot.provider,
                "base_uri": use.slot.base_uri,
                "prefix": use.slot.prefix,
                "options": use.slot.options,
                "cloud_storage_id": use.slot.storage_id,
                "mapped_prefix": use.slot.mapped_prefix,
                "tasks": use.tasks,
            }
            for use in meta.slots
        ],
    }


def _shape_change(
    attached: Attached, run_id: int | None, *, is_dry: bool
) -> ChangeShape:
    report = attached.report
    check: CheckShape | None = None
    if report is not None:
        check = {
            "checked": report.checked,
            "counts": report.counts,
            "problems": [
                {"key": each.key, "verdict": each.verdict, "message": each.message}
                for each in report.problems
            ],
        }
    return {
        "linked": attached.linked,
        "left": attached.left,
        "replaced_storage_id": attached.replaced_id,
        "is_dry": is_dry,
        "check": check,
        "check_run": run_id,
    }

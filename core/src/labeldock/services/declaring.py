"""Storages as they are declared: compare with what is there, and make it so.

A storage is known again by its project, purpose and title. What a declaration does not
mention stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labeldock.contract.errors import InvalidInput
from labeldock.contract.values import Purpose
from labeldock.services import access, storages
from labeldock.services.access import Permission, Principal
from labeldock.services.connections import load_secrets, split_secrets
from labeldock.services.context import AppContext
from labeldock.services.storage_changes import SHOWN_FIELDS
from labeldock.services.storage_checks import refuse_empty_secrets, validate_draft
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.storages import StorageView


class Step(StrEnum):
    """What a declaration asks for."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about one storage.

    Attributes:
        step: what.
        draft: the storage as declared.
        current: the storage as it is, unless it is to be created.
        changes: names of the settings that differ.
    """

    step: Step
    draft: StorageDraft
    current: StorageView | None = None
    changes: tuple[str, ...] = ()


def plan_storage(app: AppContext, principal: Principal, draft: StorageDraft) -> Plan:
    """Compare a declaration with what is there; nothing is changed or connected to.

    Raises:
        InvalidInput: a value is wrong, or it is not clear which storage is meant.
        UnknownProvider, ProviderUnavailable: as they say.
        NotFound, NotAllowed: about the project.
    """
    with app.database.read() as session:
        access.require(session, principal, draft.project_id, Permission.MANAGE)
    current = _find(app, principal, draft)
    if current is None:
        validate_draft(app, draft)
        return Plan(Step.CREATE, draft)
    changes = _find_changes(app, current, draft)
    return Plan(Step.UPDATE if changes else Step.KEEP, draft, current, changes)


def _find(
    app: AppContext, principal: Principal, draft: StorageDraft
) -> StorageView | None:
    title = draft.values["title"]
    same = [
        view
        for view in storages.list_storages(
            app, principal, draft.project_id, draft.purpose
        )
        if view.fields["title"] == title
    ]
    if len(same) > 1:
        numbers = " and ".join(str(view.id) for view in same)
        raise InvalidInput(
            f"Storages {numbers} have the same title.",
            field="title",
            remedy="Give each its own: labeldock storage update NUMBER --title TEXT.",
        )
    if same and same[0].provider != app.catalog.provider(draft.provider).info.name:
        raise InvalidInput(
            f"Storage {same[0].id} is of the provider {same[0].provider}.",
            field="provider",
            remedy="Choose another title, or remove that storage first.",
        )
    return same[0] if same else None


def _find_changes(
    app: AppContext, current: StorageView, draft: StorageDraft
) -> tuple[str, ...]:
    """The names of what differs once everything has passed its validation."""
    if current.attention:
        raise InvalidInput(
            f"Storage {current.id} needs attention: {current.attention}", field="title"
        )
    refuse_empty_secrets(app, draft.provider, draft.purpose, draft.values)
    with app.database.read() as session:
        stored = load_secrets(app, session, current.id)
    merged = {**current.fields, **current.settings, **stored, **draft.values}
    whole = StorageDraft(draft.project_id, draft.purpose, draft.provider, merged)
    fields, options, _ = validate_draft(app, whole)
    plain, secrets = split_secrets(options)
    shown = {name: fields[name] for name in SHOWN_FIELDS[draft.purpose]}
    before = {**current.fields, **current.settings, **stored}
    after = {**shown, **plain, **secrets}
    return tuple(sorted(n for n in after if after[n] != before.get(n)))


def carry_out(app: AppContext, principal: Principal, plan: Plan) -> StorageView | None:
    """Make it so; gives back the storage, as it was if it was removed.

    Raises:
        InvalidInput: the storage cannot be used as it is declared.
        Conflict: it is being synced, and cannot be removed.
    """
    if plan.current is None:
        return storages.connect_storage(app, principal, plan.draft)
    number, purpose = plan.current.id, plan.current.purpose
    if plan.step is Step.UPDATE:
        values = plan.draft.values
        return storages.update_storage(app, principal, number, purpose, values)
    if plan.step is Step.REMOVE:
        storages.remove_storage(app, principal, number, purpose)
    return plan.current


def plan_removals(
    app: AppContext, principal: Principal, plans: list[Plan]
) -> list[Plan]:
    """The storages of the same projects that none of the plans speaks of."""
    declared = {plan.current.id for plan in plans if plan.current}
    removals = []
    for project_id in sorted({plan.draft.project_id for plan in plans}):
        for purpose in Purpose:
            for view in storages.list_storages(app, principal, project_id, purpose):
                if view.id not in declared:
                    values = {"title": view.fields["title"]}
                    draft = StorageDraft(project_id, purpose, view.provider, values)
                    removals.append(Plan(Step.REMOVE, draft, view))
    return removals

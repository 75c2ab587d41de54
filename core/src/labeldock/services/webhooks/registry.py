"""Webhooks as people keep them: add, change, remove, show, try out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlmodel import Session, col, select

from labeldock.contract.errors import (
    ConfigurationError,
    InvalidInput,
    NotAllowed,
    NotFound,
)
from labeldock.contract.values import Problem
from labeldock.db.columns import utc_now
from labeldock.db.messages import Webhook, WebhookDelivery
from labeldock.services import access, auditing
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext, build_egress_policy
from labeldock.services.scopes import Scope
from labeldock.services.webhooks import outbox
from labeldock.services.webhooks.delivery import name_owner, open_secrets
from labeldock.services.webhooks.outbox import Action
from labeldock.services.webhooks.signing import make_secret

MASK: Final = "********"
"""What stands for the value of a header; sent back, it keeps the stored value."""

_MAX_HEADERS: Final = 20
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OWN_HEADERS: Final = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection"}
    | {"user-agent", "webhook-id", "webhook-timestamp", "webhook-signature"}
    | {"expect", "trailer", "upgrade"}
)


class WebhookFields(BaseModel):
    """What can be set of a webhook."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str = Field(min_length=1, max_length=2048)
    send_payload: bool = True
    send_for_all_actions: bool = True
    actions: list[Action] = Field(default_factory=list)
    headers: dict[str, str] = Field(default_factory=dict, max_length=_MAX_HEADERS)
    is_active: bool = True

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError("the name of a header is not one")
            if name.lower() in _OWN_HEADERS:
                raise ValueError(f"the header {name} is set by Labeldock")
            if not (value.isascii() and value.isprintable() and len(value) <= 4096):
                raise ValueError(f"the value of {name} cannot be sent as a header")
        return headers


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook as it is shown; the values of its headers are masked."""

    id: int
    project_id: int | None
    url: str
    send_payload: bool
    send_for_all_actions: bool
    actions: tuple[str, ...]
    headers: dict[str, str]
    is_active: bool
    failures: int
    paused_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A message of a webhook and what came of it."""

    id: int
    webhook_id: int
    message_id: str
    action: str
    state: str
    attempts: int
    status_code: int | None
    reason: str | None
    created_at: datetime
    due_at: datetime | None
    finished_at: datetime | None


def add_webhook(
    app: AppContext,
    principal: Principal,
    project_id: int | None,
    values: Mapping[str, Any],
) -> tuple[WebhookView, str]:
    """Add a webhook of a project, or (administrators) of all; and its secret.

    Raises:
        InvalidInput: a value is wrong, or the address is not one.
        EgressRefused: the operator does not permit requests to that host.
    """
    fields = _validate(app, values)
    with app.database.write() as session:
        _require(session, principal, project_id)
        webhook = Webhook(
            project_id=project_id, url=fields.url, key_id="", ciphertext=b""
        )
        _fill(webhook, fields)
        session.add(webhook)
        session.flush()
        secret = make_secret()
        _seal(app, webhook, secret, fields.headers)
        _note(session, principal, auditing.Action.WEBHOOK_CREATED, webhook)
        session.flush()
        return _view(app, webhook), secret


def update_webhook(
    app: AppContext, principal: Principal, webhook_id: int, changes: Mapping[str, Any]
) -> WebhookView:
    """Change what is given; a webhook that is switched on again starts afresh.

    Raises:
        InvalidInput, EgressRefused: as with `add_webhook`.
    """
    with app.database.read() as session:
        webhook = _load(session, principal, webhook_id)
        secret, headers = open_secrets(app, webhook)
        current = _read_fields(webhook) | {"headers": headers}
    given = _keep_masked(changes, headers)
    if given.get("actions"):
        given.setdefault("send_for_all_actions", False)
    fields = _validate(app, {**current, **given})
    with app.database.write() as session:
        webhook = _load(session, principal, webhook_id)
        if fields.is_active and not webhook.is_active:
            webhook.failures, webhook.paused_until = 0, None
        _fill(webhook, fields)
        _seal(app, webhook, secret, fields.headers)
        webhook.updated_at = utc_now()
        _note(session, principal, auditing.Action.WEBHOOK_CHANGED, webhook)
        session.flush()
        return _view(app, webhook)


def rotate_secret(app: AppContext, principal: Principal, webhook_id: int) -> str:
    """Give a webhook a new secret, which counts from now on."""
    with app.database.write() as session:
        webhook = _load(session, principal, webhook_id)
        try:
            _, headers = open_secrets(app, webhook)
        except ConfigurationError:  # its master key is lost; the headers with it
            headers = {}
        secret = make_secret()
        _seal(app, webhook, secret, headers)
        webhook.updated_at = utc_now()
        _note(session, principal, auditing.Action.SECRET_SET, webhook)
        return secret


def remove_webhook(app: AppContext, principal: Principal, webhook_id: int) -> None:
    """Remove a webhook and what waits for it."""
    with app.database.write() as session:
        webhook = _load(session, principal, webhook_id)
        _note(session, principal, auditing.Action.WEBHOOK_DELETED, webhook)
        session.delete(webhook)


def send_test(app: AppContext, principal: Principal, webhook_id: int) -> None:
    """Have a test message sent.

    Raises:
        InvalidInput: the webhook is switched off.
    """
    with app.database.write() as session:
        webhook = _load(session, principal, webhook_id)
        if not webhook.is_active:
            raise InvalidInput(
                f"Webhook {webhook_id} is switched off.",
                field="is_active",
                remedy="Set is_active to true first.",
            )
        outbox.note_test(session.connection(), webhook_id, webhook.project_id or 0)


def get_webhook(app: AppContext, principal: Principal, webhook_id: int) -> WebhookView:
    """One webhook.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        return _view(app, _load(session, principal, webhook_id))


def list_webhooks(
    app: AppContext, principal: Principal, project_id: int | None = None
) -> list[WebhookView]:
    """The webhooks of a project; without one, all that somebody may manage."""
    query = select(Webhook).order_by(col(Webhook.id))
    if project_id is not None:
        query = query.where(Webhook.project_id == project_id)
    with app.database.read() as session:
        if project_id is not None:
            _require(session, principal, project_id)
        found = session.exec(query).all()
        return [
            _view(app, webhook)
            for webhook in found
            if _may_manage(session, principal, webhook.project_id)
        ]


def list_deliveries(
    app: AppContext,
    principal: Principal,
    webhook_id: int,
    *,
    before: int | None = None,
    limit: int = 50,
) -> list[DeliveryView]:
    """The messages of a webhook, newest first; `before` is the last id seen."""
    query = (
        select(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook_id)
        .order_by(col(WebhookDelivery.id).desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(col(WebhookDelivery.id) < before)
    shown = set(DeliveryView.__slots__)
    with app.database.read() as session:
        _load(session, principal, webhook_id)
        return [
            DeliveryView(**row.model_dump(include=shown)) for row in session.exec(query)
        ]


# Reading and writing rows


def _validate(app: AppContext, values: Mapping[str, Any]) -> WebhookFields:
    given = dict(values)
    if given.get("actions"):
        given.setdefault("send_for_all_actions", False)
    try:
        fields = WebhookFields.model_validate(given)
    except ValidationError as error:
        raise InvalidInput(
            "The webhook cannot be saved as it is.", problems=_list_problems(error)
        ) from None
    if not fields.send_for_all_actions and not fields.actions:
        raise InvalidInput(
            "The webhook would never be called.",
            field="actions",
            remedy=f"Give some of {', '.join(Action)}.",
        )
    build_egress_policy(app.settings).check_url(fields.url, field="url")
    return fields


def _list_problems(error: ValidationError) -> Sequence[Problem]:
    details = error.errors(include_input=False, include_url=False)
    return [
        Problem(str(d["loc"][0]) if d["loc"] else None, d["msg"], code=d["type"])
        for d in details
    ]


def _require(
    session: Session,
    principal: Principal,
    project_id: int | None,
    hidden: NotFound | None = None,
) -> None:
    if project_id is not None:
        access.require(session, principal, project_id, Permission.MANAGE, hidden=hidden)
        return
    access.require_scope(principal, Scope.ADMIN)
    if not principal.is_admin or principal.token_organization_id is not None:
        raise NotAllowed(
            "Only administrators may have webhooks for all projects.",
            remedy="Give the number of a project.",
        )


def _may_manage(session: Session, principal: Principal, project_id: int | None) -> bool:
    try:
        _require(session, principal, project_id)
    except (NotAllowed, NotFound):
        return False
    return True


def _note(
    session: Session, principal: Principal, action: auditing.Action, webhook: Webhook
) -> None:
    # Of its address only the host: what follows may be a secret.
    details = {"host": urlsplit(webhook.url).hostname, "is_active": webhook.is_active}
    deed = auditing.Deed(
        action, "webhook", webhook.id, project_id=webhook.project_id, details=details
    )
    auditing.record(session, principal, deed)


def _load(session: Session, principal: Principal, webhook_id: int) -> Webhook:
    webhook = session.get(Webhook, webhook_id)
    missing = NotFound(f"There is no webhook {webhook_id}.", field="webhook")
    if webhook is None:
        raise missing
    _require(session, principal, webhook.project_id, missing)
    return webhook


def _read_fields(webhook: Webhook) -> dict[str, Any]:
    return {
        "url": webhook.url,
        "send_payload": webhook.send_payload,
        "send_for_all_actions": webhook.actions is None,
        "actions": webhook.actions or [],
        "is_active": webhook.is_active,
    }


def _fill(webhook: Webhook, fields: WebhookFields) -> None:
    webhook.url = fields.url
    webhook.send_payload = fields.send_payload
    webhook.is_active = fields.is_active
    every = fields.send_for_all_actions
    webhook.actions = None if every else sorted({a.value for a in fields.actions})


def _seal(
    app: AppContext, webhook: Webhook, secret: str, headers: Mapping[str, str]
) -> None:
    text = orjson.dumps({"secret": secret, "headers": dict(headers)}).decode()
    sealed = app.vault.seal(text, owner=name_owner(webhook.id))
    webhook.key_id, webhook.ciphertext = sealed.key_id, sealed.ciphertext


def _keep_masked(
    changes: Mapping[str, Any], stored: Mapping[str, str]
) -> dict[str, Any]:
    given = dict(changes)
    headers = given.get("headers")
    if isinstance(headers, dict):
        given["headers"] = {
            name: stored.get(name, value) if value == MASK else value
            for name, value in headers.items()
        }
    return given


def _view(app: AppContext, webhook: Webhook) -> WebhookView:
    try:
        _, headers = open_secrets(app, webhook)
    except ConfigurationError:
        headers = {}
    return WebhookView(
        id=webhook.id,
        project_id=webhook.project_id,
        headers=dict.fromkeys(headers, MASK),
        failures=webhook.failures,
        paused_until=webhook.paused_until,
        created_at=webhook.created_at,
        updated_at=webhook.updated_at,
        **{**_read_fields(webhook), "actions": tuple(webhook.actions or ())},
    )

"""/api/webhooks: who is told what happens, in the shape that clients know."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.services.access import Permission
from labeldock.services.webhooks import registry
from labeldock.services.webhooks.outbox import Action
from labeldock.services.webhooks.registry import (
    DeliveryView,
    WebhookFields,
    WebhookView,
)
from labeldock.web.api.references import ProjectQuery, read_project_id
from labeldock.web.api.runs import BeforeQuery
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Reference, pick_fields
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json, render_nothing

_DELIVERIES: Final = 50
_ABOUT: Final = {
    Action.RUN_STARTED: ("Sync started", "A worker has begun with a sync."),
    Action.RUN_FINISHED: ("Sync finished", "A sync is complete, maybe with errors."),
    Action.RUN_FAILED: ("Sync failed", "A sync has failed or was cancelled."),
    Action.TASKS_CREATED: ("Task created", "Tasks were made, in batches."),
    Action.TASKS_DELETED: ("Task deleted", "Tasks were removed, in batches."),
    Action.ANNOTATION_CREATED: ("Annotation created", "One annotation was saved."),
    Action.ANNOTATIONS_CREATED: ("Annotations created", "Several were saved at once."),
    Action.ANNOTATION_UPDATED: ("Annotation updated", "An annotation was changed."),
    Action.ANNOTATIONS_DELETED: ("Annotation deleted", "Annotations were removed."),
    Action.PROJECT_CREATED: ("Project created", "Only for webhooks of all projects."),
    Action.PROJECT_UPDATED: ("Project updated", "A project was changed."),
    Action.PROJECT_DELETED: ("Project deleted", "Only for webhooks of all projects."),
}
_OF_ALL: Final = {Action.PROJECT_CREATED, Action.PROJECT_DELETED}


NewWebhook = pick_fields(
    "NewWebhook", WebhookFields, required=frozenset({"url"}), project=Reference
)
WebhookChange = pick_fields("WebhookChange", WebhookFields)


class WebhookShape(TypedDict):
    """A webhook; the values of its headers are masked."""

    id: int
    organization: int | None
    project: int | None
    url: str
    send_payload: bool
    send_for_all_actions: bool
    actions: list[str]
    headers: dict[str, str]
    is_active: bool
    failures: int
    paused_until: datetime | None
    created_at: datetime
    updated_at: datetime


class NewWebhookShape(WebhookShape):
    """A webhook with its secret, which is shown once."""

    secret: str


class SecretShape(TypedDict):
    """A secret, which is shown once."""

    secret: str


ActionShape = TypedDict(
    "ActionShape",
    {"name": str, "description": str, "key": str, "organization-only": bool},
)
"""What a webhook can be told of."""


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/webhooks", GET=list_webhooks, POST=create_webhook),
        build_route("/api/webhooks/info", GET=list_actions),
        build_route(
            "/api/webhooks/{id:int}",
            GET=get_webhook,
            PATCH=update_webhook,
            PUT=update_webhook,
            DELETE=delete_webhook,
        ),
        build_route("/api/webhooks/{id:int}/deliveries", GET=list_deliveries),
        build_route("/api/webhooks/{id:int}/secret", POST=rotate_secret),
        build_route("/api/webhooks/{id:int}/test", POST=send_test),
    ]


@operation(Need.LOGIN, returns=list[WebhookShape])
def list_webhooks(call: Call, query: ProjectQuery) -> Response:
    """The webhooks of a project, or all that one may manage: a plain list."""
    found = registry.list_webhooks(call.app, call.principal, query.project)
    return render_json([shape_webhook(webhook) for webhook in found])


@operation(Permission.MANAGE, returns=NewWebhookShape, status=201, body=NewWebhook)
def create_webhook(call: Call, body: Body) -> Response:
    """Add a webhook; the answer is the only one that holds its secret.

    Without a project it is told of all of them, which needs an administrator.
    """
    values = body.given()
    is_global = values.get("project") is None
    project_id = None if is_global else read_project_id(call, values)
    values.pop("project", None)
    webhook, secret = registry.add_webhook(call.app, call.principal, project_id, values)
    return render_json({**shape_webhook(webhook), "secret": secret}, 201)


@operation(Need.LOGIN, returns=dict[str, ActionShape])
def list_actions(call: Call) -> Response:
    """What webhooks can be told of."""
    del call
    return render_json(
        {
            action.value: {
                "name": name,
                "description": description,
                "key": _find_key(action),
                "organization-only": action in _OF_ALL,
            }
            for action, (name, description) in _ABOUT.items()
        }
    )


@operation(Permission.MANAGE, returns=WebhookShape)
def get_webhook(call: Call) -> Response:
    """One webhook."""
    webhook = registry.get_webhook(call.app, call.principal, call.path_id())
    return render_json(shape_webhook(webhook))


@operation(Permission.MANAGE, returns=WebhookShape, body=WebhookChange)
def update_webhook(call: Call, body: Body) -> Response:
    """Change what is given."""
    webhook = registry.update_webhook(
        call.app, call.principal, call.path_id(), body.given()
    )
    return render_json(shape_webhook(webhook))


@operation(Permission.MANAGE)
def delete_webhook(call: Call) -> Response:
    """Remove a webhook and what waits for it."""
    registry.remove_webhook(call.app, call.principal, call.path_id())
    return render_nothing()


@operation(Permission.MANAGE, returns=list[DeliveryView])
def list_deliveries(call: Call, query: BeforeQuery) -> Response:
    """What was sent or waits, newest first; `before` is the last id that was seen."""
    found = registry.list_deliveries(
        call.app,
        call.principal,
        call.path_id(),
        before=query.before,
        limit=query.choose(_DELIVERIES),
    )
    return render_json([asdict(delivery) for delivery in found])


@operation(Permission.MANAGE, returns=SecretShape)
def rotate_secret(call: Call) -> Response:
    """A new secret, shown once; the old one counts no more."""
    secret = registry.rotate_secret(call.app, call.principal, call.path_id())
    return render_json({"secret": secret})


@operation(Permission.MANAGE, returns=dict[str, str], status=202)
def send_test(call: Call) -> Response:
    """Have a test message sent; the list of deliveries says what came of it."""
    registry.send_test(call.app, call.principal, call.path_id())
    return render_json({"detail": "A test message is on its way."}, 202)


def _find_key(action: Action) -> str:
    """The part of a message that says what happened."""
    if action is Action.ANNOTATIONS_DELETED:
        return "annotations"
    first = action.value.partition("_")[0].lower()
    return "annotation" if first == "annotations" else first


def shape_webhook(webhook: WebhookView) -> dict[str, Any]:
    """A webhook as JSON values; secrets are masked."""
    values = asdict(webhook)
    return {
        "id": values.pop("id"),
        "organization": 1,
        "project": values.pop("project_id"),
        **values,
    }

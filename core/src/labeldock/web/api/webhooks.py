"""/api/webhooks: who is told what happens, in the shape that clients know."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.services.webhooks import registry
from labeldock.services.webhooks.outbox import Action
from labeldock.services.webhooks.registry import WebhookFields, WebhookView
from labeldock.web.api.references import read_project_id
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import select_fields
from labeldock.web.rendering import render_json, render_nothing

_DELIVERIES: Final = 50
_MOST: Final = 1000
_KNOWN: Final = frozenset(WebhookFields.model_fields)
_ABOUT: Final = {
    Action.RUN_STARTED: ("Sync started", "A worker has begun with a sync."),
    Action.RUN_FINISHED: ("Sync finished", "A sync is complete, maybe with errors."),
    Action.RUN_FAILED: ("Sync failed", "A sync has failed or was cancelled."),
    Action.TASKS_CREATED: ("Tasks created", "Tasks were made, in batches."),
}


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


def list_webhooks(call: Call) -> Response:
    """The webhooks of a project, or all that one may manage: a plain list."""
    project_id = call.query_integer("project")
    found = registry.list_webhooks(call.app, call.principal, project_id)
    return render_json([shape_webhook(webhook) for webhook in found])


def create_webhook(call: Call) -> Response:
    """Add a webhook; the answer is the only one that holds its secret."""
    values, notes = select_fields(call.values, _KNOWN | {"project"})
    is_global = values.get("project") in {None, ""}
    project_id = None if is_global else read_project_id(call, values)
    values.pop("project", None)
    webhook, secret = registry.add_webhook(call.app, call.principal, project_id, values)
    return render_json({**shape_webhook(webhook), "secret": secret}, 201, notes)


def list_actions(call: Call) -> Response:
    """What webhooks can be told of."""
    del call
    return render_json(
        {
            action.value: {
                "name": name,
                "description": description,
                "key": action.value,
                "organization-only": False,
            }
            for action, (name, description) in _ABOUT.items()
        }
    )


def get_webhook(call: Call) -> Response:
    """One webhook."""
    webhook = registry.get_webhook(call.app, call.principal, call.path_id())
    return render_json(shape_webhook(webhook))


def update_webhook(call: Call) -> Response:
    """Change what is given."""
    values, notes = select_fields(call.values, _KNOWN)
    webhook = registry.update_webhook(call.app, call.principal, call.path_id(), values)
    return render_json(shape_webhook(webhook), headers=notes)


def delete_webhook(call: Call) -> Response:
    """Remove a webhook and what waits for it."""
    registry.remove_webhook(call.app, call.principal, call.path_id())
    return render_nothing()


def list_deliveries(call: Call) -> Response:
    """What was sent or waits, newest first; `before` is the last id that was seen."""
    limit = call.query_integer("limit")
    found = registry.list_deliveries(
        call.app,
        call.principal,
        call.path_id(),
        before=call.query_integer("before"),
        limit=_DELIVERIES if limit is None else max(1, min(limit, _MOST)),
    )
    return render_json([asdict(delivery) for delivery in found])


def rotate_secret(call: Call) -> Response:
    """A new secret, shown once; the old one counts no more."""
    secret = registry.rotate_secret(call.app, call.principal, call.path_id())
    return render_json({"secret": secret})


def send_test(call: Call) -> Response:
    """Have a test message sent; the list of deliveries says what came of it."""
    registry.send_test(call.app, call.principal, call.path_id())
    return render_json({"detail": "A test message is on its way."}, 202)


def shape_webhook(webhook: WebhookView) -> dict[str, Any]:
    """A webhook as JSON values; secrets are masked."""
    values = asdict(webhook)
    return {
        "id": values.pop("id"),
        "organization": 1,
        "project": values.pop("project_id"),
        **values,
    }

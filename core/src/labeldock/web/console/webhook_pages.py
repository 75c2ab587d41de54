"""The webhooks of a project: who is told what, and whether it arrived."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import NotFound
from labeldock.services.access import Permission
from labeldock.services.webhooks import registry
from labeldock.services.webhooks.outbox import Action
from labeldock.services.webhooks.registry import WebhookView
from labeldock.web.console.forms import REFUSALS, Form
from labeldock.web.console.notes import go_to
from labeldock.web.console.shell import Crumb
from labeldock.web.console.workplace import Workplace, open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

_DELIVERIES: Final = 30
_PATH: Final = "/projects/{id:int}/webhooks/"
_ONE: Final = f"{_PATH}{{webhook:int}}/"
_TONES: Final = {"delivered": "good", "waiting": "busy", "failed": "bad"}
_WORDS: Final = {
    Action.RUN_STARTED: "A sync begins",
    Action.RUN_FINISHED: "A sync ends well",
    Action.RUN_FAILED: "A sync fails or is cancelled",
    Action.TASKS_CREATED: "Tasks were made",
    Action.TASKS_DELETED: "Tasks were removed",
    Action.ANNOTATION_CREATED: "An annotation was saved",
    Action.ANNOTATIONS_CREATED: "Several annotations were saved at once",
    Action.ANNOTATION_UPDATED: "An annotation was changed",
    Action.ANNOTATIONS_DELETED: "Annotations were removed",
    Action.PROJECT_CREATED: "A project was made",
    Action.PROJECT_UPDATED: "The project was changed",
    Action.PROJECT_DELETED: "A project was removed",
}


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(_PATH, GET=show_webhooks, POST=create),
        build_route(_ONE, GET=show_webhook, POST=save),
        build_route(f"{_ONE}test/", POST=send_test),
        build_route(f"{_ONE}secret/", POST=rotate),
        build_route(f"{_ONE}delete/", POST=remove),
    ]


@page(Permission.MANAGE)
def show_webhooks(call: Call, form: Form | None = None) -> Response:
    """The webhooks of a project, and the form for another."""
    place = open_project(call, "webhooks", Permission.MANAGE)
    values = {
        "webhooks": registry.list_webhooks(call.app, call.principal, place.project.id),
        "form": form or Form({"is_active": "on", "send_payload": "on"}),
        "actions": _list_actions(),
    }
    return place.render("webhooks.html", values, status=400 if form else 200)


@page(Permission.MANAGE)
def create(call: Call) -> Response:
    """Add a webhook; this answer is the only one that shows its secret."""
    place = open_project(call, "webhooks", Permission.MANAGE)
    try:
        made, secret = registry.add_webhook(
            call.app, call.principal, place.project.id, _read(call)
        )
    except REFUSALS as error:
        return show_webhooks(call, Form.refused(call.values, error))
    return _show(place, made, secret=secret)


@page(Permission.MANAGE)
def show_webhook(call: Call) -> Response:
    """A webhook, and what was sent to it lately."""
    place = open_project(call, "webhooks", Permission.MANAGE)
    return _show(place, _load(call, place))


def _show(
    place: Workplace,
    webhook: WebhookView,
    *,
    form: Form | None = None,
    secret: str = "",
) -> Response:
    call = place.call
    values = {
        "webhook": webhook,
        "form": form or Form(_show_values(webhook)),
        "actions": _list_actions(),
        "secret": secret,
        "tones": _TONES,
        "deliveries": registry.list_deliveries(
            call.app, call.principal, webhook.id, limit=_DELIVERIES
        ),
        "path": f"{place.path}webhooks/{webhook.id}/",
    }
    crumbs = [Crumb(f"Webhook {webhook.id}")]
    status = 400 if form else 200
    return place.render("webhook.html", values, crumbs=crumbs, status=status)


@page(Permission.MANAGE)
def save(call: Call) -> Response:
    """Change a webhook."""
    place = open_project(call, "webhooks", Permission.MANAGE)
    webhook = _load(call, place)
    try:
        registry.update_webhook(call.app, call.principal, webhook.id, _read(call))
    except REFUSALS as error:
        return _show(place, webhook, form=Form.refused(call.values, error))
    return go_to(call.request, f"{place.path}webhooks/{webhook.id}/", "saved")


@page(Permission.MANAGE)
def send_test(call: Call) -> Response:
    """Have a test message sent."""
    place = open_project(call, "webhooks", Permission.MANAGE)
    webhook = _load(call, place)
    try:
        registry.send_test(call.app, call.principal, webhook.id)
    except REFUSALS as error:
        shown = _show_values(webhook)
        return _show(place, webhook, form=Form.refused(shown, error))
    path = f"{place.path}webhooks/{webhook.id}/"
    return go_to(call.request, path, "webhook-tested")


@page(Permission.MANAGE)
def rotate(call: Call) -> Response:
    """A new secret, shown this once."""
    place = open_project(call, "webhooks", Permission.MANAGE)
    webhook = _load(call, place)
    secret = registry.rotate_secret(call.app, call.principal, webhook.id)
    return _show(place, webhook, secret=secret)


@page(Permission.MANAGE)
def remove(call: Call) -> Response:
    """Remove a webhook and what waits for it."""
    place = open_project(call, "webhooks", Permission.MANAGE)
    registry.remove_webhook(call.app, call.principal, _load(call, place).id)
    return go_to(call.request, f"{place.path}webhooks/", "webhook-removed")


def _load(call: Call, place: Workplace) -> WebhookView:
    found = registry.get_webhook(call.app, call.principal, call.path_id("webhook"))
    if found.project_id != place.project.id:
        raise NotFound(f"There is no webhook {found.id} here.", field="webhook")
    return found


def _list_actions() -> list[tuple[str, str]]:
    return [(f"action-{action.value}", words) for action, words in _WORDS.items()]


def _read(call: Call) -> dict[str, Any]:
    """The values of a form; actions that are all ticked, or none, mean every one."""
    sent = call.values
    chosen = [action.value for action in Action if f"action-{action.value}" in sent]
    is_every = len(chosen) in {0, len(Action)}
    return {
        "url": str(sent.get("url", "")).strip(),
        "send_payload": "send_payload" in sent,
        "is_active": "is_active" in sent,
        "send_for_all_actions": is_every,
        "actions": [] if is_every else chosen,
    }


def _show_values(webhook: WebhookView) -> dict[str, Any]:
    actions = webhook.actions if not webhook.send_for_all_actions else tuple(Action)
    return {
        "url": webhook.url,
        "send_payload": webhook.send_payload,
        "is_active": webhook.is_active,
        **{f"action-{action}": "on" for action in actions},
    }

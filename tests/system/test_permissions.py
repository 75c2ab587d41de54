"""The table of permissions, walked: every route, asked as everybody who might ask.

The table is the one that docs/reference/permissions.md shows. Each kind of person walks
it alone, in a service of its own, the deletions last, with requests that would do
something if they were let.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import pytest

from labeldock.contract import Purpose
from labeldock.db.accounts import Organization, OrganizationMember
from labeldock.db.tables import Membership, User
from labeldock.services import access
from labeldock.services.access import GRANTS, OrganizationRole, Permission, Role
from labeldock.services.annotations import create_annotation
from labeldock.services.drafts import create_draft
from labeldock.services.predictions import create_prediction
from labeldock.services.resolving.fileuri import encode_fileuri
from labeldock.services.tokens import TokenWish, create_key
from labeldock.services.webhooks import registry
from labeldock.testing.plugins import build_catalog
from labeldock.web.app import create_app
from labeldock.web.openapi.document import build_document
from labeldock.web.openapi.entries import list_entries
from labeldock.web.operations import Need
from tests.system.conftest import Account

PASSWORD = "a long enough password"
IN_PROJECT = tuple(role.value for role in Role)
EVERYBODY = (*IN_PROJECT, "head", "admin", "outsider", "inactive", "nobody")
REFUSALS = {401, 403}
DESTRUCTIVE = re.compile(r"delete|/reset|deactivate|blacklist|/dm/actions|/logout")
# Whoever asks brings a signature or a token in the request itself; others hold these.
UNREACHED = {"/api/projects/{id}/backup/download", "/api/tasks/{id}/backup/download"}
"""There is nothing to download before a backup was made, for anybody."""
PROVEN = {
    "/media/{token}", "/api/token/refresh", "/api/events/{id}", "/user/link/{token}/",
    "/user/link/{token}", "/user/invitation/{token}", "/user/login/",
}  # fmt: skip
QUERY = {
    "d": "folder/a.jpg",
    "fileuri": encode_fileuri("memory://media/a.jpg"),
    "id": "delete_tasks",
    "wait": "0",
}


@dataclass(frozen=True)
class Scene:
    """A service with one of each kind, and somebody who walks through it."""

    client: object
    routes: list
    document: dict
    ids: dict
    headers: dict

    def ask(self, entry):
        path = self.fill(entry)
        body = self.build_body(entry)
        return self.client.request(
            entry.method,
            path,
            params=self.choose_query(entry.declaration),
            headers=self.headers,
            **({"json": body} if body is not None else {}),
        )

    def choose_query(self, declaration):
        """What any route asks for; where others are refused, its own alone."""
        about = {name: self.ids[name] for name in ("project", "task")}
        given = QUERY if declaration.needs is Need.LOGIN else QUERY | about
        model = declaration.query
        if model is None or model.model_config.get("extra") != "forbid":
            return given
        return {n: value for n, value in given.items() if n in model.model_fields}

    def fill(self, entry):
        """The path with the numbers of what is there."""

        kinds = dict(entry.parameters)

        def find(match):
            name = match[1]
            if name != "id":
                return str(self.ids.get(name, 1 if kinds[name] == "int" else "x"))
            if entry.path.endswith("/avatar"):  # everybody has their own
                return str(self.ids["self"])
            if "/storages/export/" in entry.path:
                return str(self.ids["export"])
            words = [w for w in entry.path[: match.start()].split("/") if w]
            known = [w for w in reversed(words) if w in self.ids]
            return str(self.ids[known[0]] if known else 1)

        return re.sub(r"\{(\w+)\}", find, entry.path)

    def build_body(self, entry):
        """The example that the schema shows, about what is there."""
        told = self.document["paths"].get(entry.path, {}).get(entry.method.lower(), {})
        content = told.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return {} if entry.method in {"POST", "PUT", "PATCH"} else None
        body = content["application/json"].get("example")
        return {**body, **self.choose(entry, body)} if isinstance(body, dict) else body

    def choose(self, entry, body):
        usual = {
            "project": self.ids["project"],
            "task": self.ids["task"],
            "tasks": 10**6 if "limits" in entry.path else [self.ids["task"]],
            "bucket": "media",
            "result": [],
            "title": "Another",
            "url": "https://example.org/hook",
            "user": self.ids["user"],
            "data": {"image": "memory://media/b.jpg"},
            "label_config": "<View/>",
            "regex_filter": None,
            "schedule": "0 3 * * *",
            "email": "new@example.org",
            "role": "member" if "organization" in entry.path else "viewer",
            "key_template": None,
            "expires_in_days": 7,
            "uses_limit": 1,
            "keep_count": 3,
            "keep_days": 3,
            "ids": [self.ids["annotations"]],
            "id": None,
        }
        return {name: value for name, value in usual.items() if name in body}


@pytest.fixture
def catalog(memory):
    return build_catalog(memory)


@pytest.fixture
def person(request, app, owner, project, admin, task):
    """Somebody of the kind that the test is about."""
    kind = request.param
    if kind in {"owner", "nobody"}:
        return owner
    if kind == "admin":
        return admin
    user = access.create_user(app, f"{kind}@example.net", PASSWORD)
    token = create_key(app, user, TokenWish())[1]
    with app.database.write() as session:
        arrange(session, kind, user.user_id, project)
    return (
        Account(access.load_user(app, user.user_id), PASSWORD, token)
        if (kind != "inactive")
        else Account(user, PASSWORD, token)
    )


def arrange(session, kind, user_id, project):
    """Give a new user their place."""
    if kind in IN_PROJECT:
        session.add(Membership(project_id=project.id, user_id=user_id, role=kind))
    if kind == "inactive":
        session.add(Membership(project_id=project.id, user_id=user_id, role=Role.OWNER))
        session.get_one(User, user_id).is_active = False
    home = session.get_one(OrganizationMember, (project.organization_id, user_id))
    if kind == "head":
        home.role = OrganizationRole.ADMINISTRATOR
    if kind == "outsider":
        session.delete(home)
        other = Organization(title="Others")
        session.add(other)
        session.flush()
        role = OrganizationRole.MEMBER
        session.add(
            OrganizationMember(organization_id=other.id, user_id=user_id, role=role)
        )
        session.get_one(User, user_id).active_organization_id = other.id


@pytest.fixture
def scene(
    request, app, client, owner, project, task, connect, put_object, sync, person
):
    kind = request.node.callspec.params["person"]
    put_object("a.jpg")
    imported, exported = connect(), connect(Purpose.EXPORT)
    run = sync(imported)
    may_annotate = kind in {"annotator", "manager", "admin", "head"}
    author = person.principal if may_annotate else owner.principal
    annotation = create_annotation(app, author, task.id, {"result": []})
    prediction = create_prediction(app, owner.principal, task.id, {"result": []})
    draft = create_draft(app, author, {"result": []}, task_id=task.id)
    values = {"url": "https://example.org/hook"}
    webhook, _ = registry.add_webhook(app, owner.principal, project.id, values)
    victim = access.create_user(app, "victim@example.net", PASSWORD)
    ids = {
        "project": project.id,
        "projects": project.id,
        "task": task.id,
        "tasks": task.id,
        "annotations": annotation.id,
        "predictions": prediction.id,
        "drafts": draft.id,
        "webhooks": webhook.id,
        "webhook": webhook.id,
        "runs": run.id,
        "run": run.id,
        "storages": imported.id,
        "storage": imported.id,
        "export": exported.id,
        "events": imported.id,
        "organizations": project.organization_id,
        "users": victim.user_id,
        "user": victim.user_id,
        "self": person.principal.user_id,
        "tokens": 999,  # not one's own, with which one asks
        "token": 999,
        "views": make_view(client, owner, project),
        "file-upload": upload(client, owner, project),
    }
    web = create_app(app)
    headers = {} if kind == "nobody" else person.headers
    return Scene(client, web.routes, build_document(web.routes), ids, headers)


def make_view(client, owner, project):
    body = {"project": project.id, "data": {"title": "Mine"}}
    made = client.post("/api/dm/views", json=body, headers=owner.headers)
    return made.json()["id"]


def upload(client, owner, project):
    path = f"/api/projects/{project.id}/import"
    files = {"file": ("gull.txt", b"text", "text/plain")}
    made = client.post(path, files=files, headers=owner.headers)
    return made.json()["file_upload_ids"][0]


def sort_key(entry):
    """What removes things comes last, then the project, and one's own token."""
    is_end = entry.method == "DELETE" or bool(DESTRUCTIVE.search(entry.path))
    is_very_end = entry.path == "/api/current-user/reset-token"
    return is_very_end, is_end, -entry.path.count("/") if is_end else 0


def is_permitted(kind, needs):
    """What the table says, in the words of the test."""
    if needs is Need.NOTHING:
        return True
    if kind in {"nobody", "inactive"}:
        return False
    if kind == "admin" or needs is Need.LOGIN:
        return True
    if isinstance(needs, Permission):
        return kind == "head" or (kind in IN_PROJECT and needs in GRANTS[Role(kind)])
    if needs is Need.MEMBER:
        return kind != "outsider"
    return needs is Need.HEAD and kind == "head"


def is_right(kind, entry, answer):
    """Whether an answer is what the table promises to somebody of this kind."""
    status = answer.status_code
    permitted = is_permitted(kind, entry.declaration.needs)
    if status >= 500:
        return False
    if kind in {"nobody", "inactive"}:
        return (status != 401) is permitted
    if permitted:
        return status not in REFUSALS
    if kind == "outsider":  # what is somebody else's is answered like what is not
        is_unknown = status == 400 and "does not exist" in answer.text
        return status in {403, 404} or is_unknown or answer.text == "[]"
    return status == 403 or (entry.path in UNREACHED and status == 404)


@pytest.mark.parametrize("person", EVERYBODY, indirect=True)
def test_everybody_may_what_the_table_says(request, scene):
    kind = request.node.callspec.params["person"]
    wrong, statuses = [], Counter()
    entries = sorted(list_entries(scene.routes), key=sort_key)
    for entry in entries:
        needs = entry.declaration.needs
        answer = scene.ask(entry)
        statuses[answer.status_code] += 1
        if entry.path not in PROVEN and not is_right(kind, entry, answer):
            line = f"{entry.method} {entry.path} needs {needs.value}"
            wrong.append((line, answer.status_code, answer.text[:150]))

    told = f"{kind}: {len(entries)} routes, answers {dict(statuses)}"
    print(told)  # noqa: T201  what the walk came to
    assert wrong == [], told
    assert len(entries) > 100

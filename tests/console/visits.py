"""The pages that are looked at: every one, by whom, with what in it."""

from __future__ import annotations

# Name -> path; `{p}` is the number of the story's project. Whoever looks is the owner,
# or the administrator where the name begins with "admin".
PAGES = {
    "projects": "/",
    "project-new": "/projects/new/",
    "overview": "/projects/{p}/",
    "tasks": "/projects/{p}/tasks/",
    "tasks-list": "/projects/{p}/tasks/?view=list&storage=1&state=unlabelled",
    "task": "/projects/{p}/tasks/1/",
    "label": "/projects/{p}/label/2/",
    "label-change": "/projects/{p}/label/1/?annotation=1",
    "storages": "/projects/{p}/storages/",
    "storage-import": "/projects/{p}/storages/1/",
    "storage-export": "/projects/{p}/storages/2/",
    "storage-failed": "/projects/{p}/storages/4/",
    "storage-edit": "/projects/{p}/storages/1/edit/",
    "storage-delete": "/projects/{p}/storages/1/delete/",
    "connect": "/projects/{p}/storages/new/",
    "connect-s3": "/projects/{p}/storages/new/s3/",
    "connect-s3-export": "/projects/{p}/storages/new/s3/?purpose=export",
    "bucket": "/projects/{p}/storages/1/browse/",
    "media": "/projects/{p}/media/",
    "backups": "/projects/{p}/backups/",
    "restore": "/restore/",
    "runs": "/projects/{p}/runs/",
    "run": "/projects/{p}/runs/4/",
    "run-failed": "/projects/{p}/runs/5/",
    "errors": "/projects/{p}/errors/",
    "webhooks": "/projects/{p}/webhooks/",
    "members": "/projects/{p}/members/",
    "audit": "/projects/{p}/audit/",
    "settings": "/projects/{p}/settings/",
    "project-delete": "/projects/{p}/delete/",
    "tokens": "/user/tokens/",
    "plugins": "/system/plugins/",
    "refused": "/system/",
    "admin-system": "/system/",
    "admin-audit": "/system/audit/",
    "missing": "/projects/999/",
}
WITHOUT_LOGIN = {"login": "/user/login/"}


def find_reader(name: str) -> str:
    """Who looks at a page."""
    if name in WITHOUT_LOGIN:
        return ""
    return "admin" if name.startswith("admin") else "owner"


def find_path(name: str, project_id: int) -> str:
    """The path of a page."""
    return {**PAGES, **WITHOUT_LOGIN}[name].format(p=project_id)

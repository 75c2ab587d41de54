"""The table of the console's routes; each page's module lists its own."""

from __future__ import annotations

from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from labeldock.web.console import (
    account_pages,
    audit_page,
    backup_pages,
    bucket_browser,
    error_pages,
    home,
    label_page,
    login,
    media_page,
    members_page,
    openid_pages,
    overview,
    plugin_page,
    project_settings,
    restore_page,
    run_page,
    storage_list,
    storage_page,
    storage_wizard,
    system_page,
    task_list,
    task_page,
    token_page,
    webhook_pages,
)


def list_routes() -> list[Route]:
    """The pages."""
    return [
        *home.list_routes(),
        *login.list_routes(),
        *account_pages.list_routes(),
        *openid_pages.list_routes(),
        *overview.list_routes(),
        *project_settings.list_routes(),
        *task_list.list_routes(),
        *task_page.list_routes(),
        *label_page.list_routes(),
        *storage_list.list_routes(),
        *storage_page.list_routes(),
        *storage_wizard.list_routes(),
        *bucket_browser.list_routes(),
        *media_page.list_routes(),
        *backup_pages.list_routes(),
        *restore_page.list_routes(),
        *run_page.list_routes(),
        *error_pages.list_routes(),
        *webhook_pages.list_routes(),
        *members_page.list_routes(),
        *audit_page.list_routes(),
        *token_page.list_routes(),
        *plugin_page.list_routes(),
        *system_page.list_routes(),
    ]


def mount_static_files() -> Mount:
    """The stylesheet, the scripts and the icon, from the package."""
    files = StaticFiles(packages=[("labeldock.web.console", "static")])
    return Mount("/static", app=files, name="static")

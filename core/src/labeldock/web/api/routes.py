"""The table of the API's routes; each module of this package lists its own."""

from __future__ import annotations

from starlette.routing import Route

from labeldock.host.catalog import Catalog
from labeldock.web.api import (
    account,
    accounts,
    annotation_routes,
    audit,
    avatars,
    backups,
    bulk_actions,
    drafts,
    events,
    export_snapshots,
    exports,
    file_uploads,
    imports,
    invitations,
    limits,
    media_meta,
    organizations,
    predictions,
    project_facts,
    project_members,
    projects,
    requests,
    restores,
    runs,
    secrets,
    storage_routes,
    tasks,
    tokens,
    users,
    views,
    webhooks,
)


def list_routes(catalog: Catalog) -> list[Route]:
    """Every route below /api, and /health; paths without a slash at their end."""
    return [
        *account.list_routes(),
        *users.list_routes(),
        *accounts.list_routes(),
        *organizations.list_routes(),
        *invitations.list_routes(),
        *limits.list_routes(),
        *tokens.list_routes(),
        *audit.list_routes(),
        *secrets.list_routes(),
        *projects.list_routes(),
        *project_facts.list_routes(),
        *project_members.list_routes(),
        *imports.list_routes(),
        *tasks.list_routes(),
        *media_meta.list_routes(),
        *restores.list_routes(),
        *bulk_actions.list_routes(),
        *views.list_routes(),
        *annotation_routes.list_routes(),
        *drafts.list_routes(),
        *predictions.list_routes(),
        *file_uploads.list_routes(),
        *exports.list_routes(),
        *export_snapshots.list_routes(),
        *runs.list_routes(),
        *backups.list_routes(),
        *avatars.list_routes(),
        *requests.list_routes(),
        *webhooks.list_routes(),
        *events.list_routes(),
        *storage_routes.list_routes(catalog),
    ]

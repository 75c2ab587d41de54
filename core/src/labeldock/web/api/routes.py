"""The table of the API's routes; each module of this package lists its own."""

from __future__ import annotations

from starlette.routing import Route

from labeldock.host.catalog import Catalog
from labeldock.web.api import (
    account,
    annotation_routes,
    bulk_actions,
    events,
    exports,
    imports,
    predictions,
    projects,
    runs,
    storage_routes,
    tasks,
    tokens,
    users,
    webhooks,
)


def list_routes(catalog: Catalog) -> list[Route]:
    """Every route below /api, and /health; paths without a slash at their end."""
    return [
        *account.list_routes(),
        *users.list_routes(),
        *tokens.list_routes(),
        *projects.list_routes(),
        *imports.list_routes(),
        *tasks.list_routes(),
        *bulk_actions.list_routes(),
        *annotation_routes.list_routes(),
        *predictions.list_routes(),
        *exports.list_routes(),
        *runs.list_routes(),
        *webhooks.list_routes(),
        *events.list_routes(),
        *storage_routes.list_routes(catalog),
    ]

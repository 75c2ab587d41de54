"""/api/storages: the same set of routes for each installed provider, made at start.

Import storages live under /api/storages/P, export storages under
/api/storages/export/P, where P is any name that the provider answers to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from starlette.routing import Route

from labeldock.contract.values import Purpose
from labeldock.host.catalog import Catalog
from labeldock.web.api import export_storages, storage_history, storage_previews
from labeldock.web.api.run_shape import RunShape
from labeldock.web.api.storage_models import StorageModels, build_models
from labeldock.web.api.storages import (
    StorageEndpoints,
    build_endpoints,
    list_all_storages,
    list_types,
    refuse_type,
)
from labeldock.web.endpoints import build_route
from labeldock.web.operations import adapt

_FOLDERS: Final = {
    Purpose.EXPORT: "/api/storages/export",
    Purpose.IMPORT: "/api/storages",
}
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def list_routes(catalog: Catalog) -> list[Route]:
    """The routes of every provider; the longer folder first, as the router wants it."""
    return [route for purpose in _FOLDERS for route in _iterate(catalog, purpose)]


def _iterate(catalog: Catalog, purpose: Purpose) -> Iterator[Route]:
    folder = _FOLDERS[purpose]
    list_all = adapt(list_all_storages, purpose=purpose)
    yield build_route(folder, GET=list_all)
    yield build_route(f"{folder}/types", GET=list_types)
    for bound in catalog.providers:
        models = build_models(bound, purpose)
        endpoints = build_endpoints(bound, purpose, models)
        for name in bound.info.names:
            yield from _iterate_provider(f"{folder}/{name}", endpoints, models)
            if purpose is Purpose.EXPORT:
                yield from export_storages.list_routes(f"{folder}/{name}", endpoints)
            yield from storage_history.list_routes(f"{folder}/{name}", endpoints)
            yield from storage_previews.list_routes(
                f"{folder}/{name}", endpoints, bound, models
            )
    # What is left below the folder: providers that are not installed.
    refusals = dict.fromkeys(_METHODS, refuse_type)
    yield build_route(f"{folder}/{{type}}", **refusals)
    yield build_route(f"{folder}/{{type}}/{{rest:path}}", **refusals)


def _iterate_provider(
    path: str, endpoints: StorageEndpoints, models: StorageModels
) -> Iterator[Route]:
    one, many = {200: models.shown}, {200: list[models.shown]}  # type: ignore[name-defined]
    create = adapt(
        endpoints.create_storage, body=models.new, answers={201: models.shown}
    )
    update = adapt(endpoints.update_storage, body=models.change, answers=one)
    yield build_route(
        path, GET=adapt(endpoints.list_storages, answers=many), POST=create
    )
    validate = adapt(endpoints.validate_storage, body=models.draft)
    yield build_route(f"{path}/validate", POST=validate)
    yield build_route(
        f"{path}/{{id:int}}",
        GET=adapt(endpoints.get_storage, answers=one),
        PATCH=update,
        PUT=update,
        DELETE=endpoints.delete_storage,
    )
    synced = {200: models.shown | RunShape}
    yield build_route(
        f"{path}/{{id:int}}/sync", POST=adapt(endpoints.sync_storage, answers=synced)
    )

"""/api/storages: the same set of routes for each installed provider, made at start.

Import storages live under /api/storages/P, export storages under
/api/storages/export/P, where P is any name that the provider answers to.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from starlette.routing import Route

from labeldock.contract.values import Purpose
from labeldock.host.catalog import Catalog
from labeldock.web.api import export_storages, storage_history, storage_previews
from labeldock.web.api.storages import (
    StorageEndpoints,
    build_endpoints,
    list_all_storages,
    list_types,
    refuse_type,
)
from labeldock.web.endpoints import build_route

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
    yield build_route(folder, GET=partial(list_all_storages, purpose=purpose))
    yield build_route(f"{folder}/types", GET=list_types)
    for bound in catalog.providers:
        endpoints = build_endpoints(bound, purpose)
        for name in bound.info.names:
            yield from _iterate_provider(f"{folder}/{name}", endpoints)
            if purpose is Purpose.EXPORT:
                yield from export_storages.list_routes(f"{folder}/{name}", endpoints)
            yield from storage_history.list_routes(f"{folder}/{name}", endpoints)
            yield from storage_previews.list_routes(
                f"{folder}/{name}", endpoints, bound
            )
    # What is left below the folder: providers that are not installed.
    refusals = dict.fromkeys(_METHODS, refuse_type)
    yield build_route(f"{folder}/{{type}}", **refusals)
    yield build_route(f"{folder}/{{type}}/{{rest:path}}", **refusals)


def _iterate_provider(path: str, endpoints: StorageEndpoints) -> Iterator[Route]:
    yield build_route(path, GET=endpoints.list_storages, POST=endpoints.create_storage)
    yield build_route(f"{path}/validate", POST=endpoints.validate_storage)
    yield build_route(
        f"{path}/{{id:int}}",
        GET=endpoints.get_storage,
        PATCH=endpoints.update_storage,
        PUT=endpoints.update_storage,
        DELETE=endpoints.delete_storage,
    )
    yield build_route(f"{path}/{{id:int}}/sync", POST=endpoints.sync_storage)

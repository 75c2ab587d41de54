"""What lies in an export storage, what waits or failed, and whether it is all there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput
from labeldock.services.exporting.deliveries import (
    DeliveryState,
    list_deliveries,
    retry_deliveries,
)
from labeldock.services.exporting.links import list_export_links
from labeldock.services.exporting.verifying import verify_storage
from labeldock.web.api.storages import StorageEndpoints
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import parse_boolean, parse_integer
from labeldock.web.rendering import render_json

_USUAL: Final = 100
_MOST: Final = 1000


def list_routes(path: str, storages: StorageEndpoints) -> Iterator[Route]:
    """The routes of one provider's export storages, below its path."""
    ends = ExportEndpoints(storages)
    path = f"{path}/{{id:int}}"
    yield build_route(f"{path}/links", GET=ends.list_links)
    yield build_route(f"{path}/deliveries", GET=ends.list_deliveries)
    yield build_route(f"{path}/deliveries/retry", POST=ends.retry_deliveries)
    yield build_route(f"{path}/verify", POST=ends.verify)


@dataclass(frozen=True, slots=True)
class ExportEndpoints:
    """The endpoints of one provider."""

    storages: StorageEndpoints

    def list_links(self, call: Call) -> Response:
        """The objects that were written; `after` is the last id that was seen."""
        found = list_export_links(
            call.app, call.principal, self._find(call), **_read_window(call)
        )
        return render_json([asdict(link) for link in found])

    def list_deliveries(self, call: Call) -> Response:
        """Keys that failed, or wait, or are delivered, as `state` says."""
        found = list_deliveries(
            call.app,
            call.principal,
            self._find(call),
            _read_state(call),
            **_read_window(call),
        )
        return render_json([asdict(delivery) for delivery in found])

    def retry_deliveries(self, call: Call) -> Response:
        """Try again what failed: all of it, or the `ids` that are given."""
        ids = call.values.get("ids")
        if ids is not None and not isinstance(ids, list):
            raise InvalidInput("Must be a list of numbers.", field="ids")
        numbers = None if ids is None else [parse_integer(n, "ids") for n in ids]
        count = retry_deliveries(call.app, call.principal, self._find(call), numbers)
        return render_json({"retried": count})

    def verify(self, call: Call) -> Response:
        """Compare links and bucket; with `repair`, have written what is missing."""
        repair = parse_boolean(call.values.get("repair", False), "repair")
        result = verify_storage(
            call.app, call.principal, self._find(call), repair=repair
        )
        findings = [finding._asdict() for finding in result.findings]
        return render_json({**asdict(result), "findings": findings})

    def _find(self, call: Call) -> int:
        return self.storages.find(call, call.path_id()).id


def _read_state(call: Call) -> DeliveryState:
    text = call.query_text("state") or DeliveryState.FAILED.value
    if text not in set(DeliveryState):
        names = ", ".join(state.value for state in DeliveryState)
        raise InvalidInput(f"There is no state {text!r}: {names}.", field="state")
    return DeliveryState(text)


def _read_window(call: Call) -> dict[str, Any]:
    limit = call.query_integer("limit")
    limit = _USUAL if limit is None else max(1, min(limit, _MOST))
    return {"after": call.query_integer("after") or 0, "limit": limit}

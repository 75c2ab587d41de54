"""What lies in an export storage, what waits or failed, and whether it is all there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput
from labeldock.services.access import Permission
from labeldock.services.exporting.deliveries import (
    DeliveryState,
    DeliveryView,
    list_deliveries,
    retry_deliveries,
)
from labeldock.services.exporting.links import ExportLinkView, list_export_links
from labeldock.services.exporting.verifying import Verification, verify_storage
from labeldock.web.api.runs import AfterQuery
from labeldock.web.api.storages import StorageEndpoints
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Switch, Whole
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json

_USUAL: Final = 100


def _parse_state(value: object) -> DeliveryState:
    text = str(value)
    if text not in set(DeliveryState):
        names = ", ".join(state.value for state in DeliveryState)
        raise InvalidInput(f"There is no state {text!r}: {names}.")
    return DeliveryState(text)


def _parse_list(value: object) -> object:
    if value is not None and not isinstance(value, list):
        raise InvalidInput("Must be a list of numbers.")
    return value


_STATES: Final = {"type": "string", "enum": [state.value for state in DeliveryState]}


class DeliveryQuery(AfterQuery):
    """Which deliveries."""

    state: Annotated[
        DeliveryState, BeforeValidator(_parse_state), WithJsonSchema(_STATES)
    ] = DeliveryState.FAILED


class RetryBody(Body):
    """Which deliveries are tried again; all that failed, if none is named."""

    ids: Annotated[list[Whole] | None, BeforeValidator(_parse_list)] = None


class VerifyBody(Body):
    """What is done about what is missing."""

    repair: Switch = Field(default=False, description="Have it written again.")


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

    @operation(Permission.VIEW, returns=list[ExportLinkView])
    def list_links(self, call: Call, query: AfterQuery) -> Response:
        """The objects that were written; `after` is the last id that was seen."""
        found = list_export_links(
            call.app,
            call.principal,
            self._find(call),
            after=query.after,
            limit=query.choose(_USUAL),
        )
        return render_json([asdict(link) for link in found])

    @operation(Permission.VIEW, returns=list[DeliveryView])
    def list_deliveries(self, call: Call, query: DeliveryQuery) -> Response:
        """Keys that failed, or wait, or are delivered, as `state` says."""
        found = list_deliveries(
            call.app,
            call.principal,
            self._find(call),
            query.state,
            after=query.after,
            limit=query.choose(_USUAL),
        )
        return render_json([asdict(delivery) for delivery in found])

    @operation(Permission.MANAGE, returns=dict[str, int])
    def retry_deliveries(self, call: Call, body: RetryBody) -> Response:
        """Try again what failed: all of it, or the `ids` that are given."""
        count = retry_deliveries(call.app, call.principal, self._find(call), body.ids)
        return render_json({"retried": count})

    @operation(Permission.MANAGE, returns=Verification)
    def verify(self, call: Call, body: VerifyBody) -> Response:
        """Compare links and bucket; with `repair`, have written what is missing."""
        result = verify_storage(
            call.app, call.principal, self._find(call), repair=body.repair
        )
        return render_json(asdict(result))

    def _find(self, call: Call) -> int:
        return self.storages.find(call, call.path_id()).id

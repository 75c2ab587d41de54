"""The typed face of one provider: what the rest of the application calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pluggy import HookCaller

from labeldock.contract import (
    OPERATIONS,
    Availability,
    CheckPeer,
    DeleteRequest,
    Deletion,
    ListQuery,
    ObjectBody,
    ObjectPage,
    PresignRequest,
    Problem,
    ProviderInfo,
    ReadRequest,
    SavedObject,
    SignedUrl,
    StorageOptions,
    StorageRef,
    ValidateRequest,
    ValidationReport,
    WriteRequest,
)
from labeldock.host.bodies import guard_body
from labeldock.host.egress import EgressRefused, EndpointGate
from labeldock.host.guard import Call, CallMeter, expect, translate_errors
from labeldock.host.hooks import Hooks
from labeldock.host.loading import LoadedProvider
from labeldock.host.pages import check_page


def bind_provider(
    hooks: Hooks,
    provider: LoadedProvider,
    others: Iterable[LoadedProvider],
    gate: EndpointGate | None = None,
    meter: CallMeter | None = None,
) -> BoundProvider:
    """Cut the callers that reach this provider alone, with wrappers around it."""
    rivals = [other.plugin for other in others if other is not provider]
    return BoundProvider(
        provider,
        {name: hooks.subset_hook_caller(name, rivals) for name in OPERATIONS},
        gate,
        meter,
    )


class BoundProvider:
    """One provider, behind the guard. Safe to call from many threads.

    Every operation raises a StorageError with its place filled in, or a PluginError if
    the provider is at fault, and nothing else.

    Attributes:
        info: what the provider says of itself.
        operator: the operator's settings for it.
        distribution: the name of the package that brings it.
        version: the version of that package.
    """

    def __init__(
        self,
        provider: LoadedProvider,
        callers: Mapping[str, HookCaller],
        gate: EndpointGate | None = None,
        meter: CallMeter | None = None,
    ) -> None:
        self.info: ProviderInfo = provider.info
        self.operator = provider.operator
        self.distribution = provider.candidate.distribution
        self.version = provider.candidate.version
        self._callers = dict(callers)
        self._gate = gate
        self._meter = meter

    def __repr__(self) -> str:
        return f"<BoundProvider {self.info.name} of {self.distribution}>"

    def describe(self) -> ProviderInfo:
        return self.info

    def validate(
        self, storage: StorageRef, request: ValidateRequest
    ) -> ValidationReport:
        call = self._locate("validate", storage)
        with translate_errors(call, self._meter):
            try:
                self._check(storage)
            except EgressRefused as error:
                return _report(error)
            report = self._callers["validate"](storage=storage, request=request)
            return expect(call, report, ValidationReport)

    def list_objects(self, storage: StorageRef, query: ListQuery) -> ObjectPage:
        call = self._locate("list_objects", storage)
        with translate_errors(call, self._meter):
            self._check(storage)
            result = self._callers["list_objects"](storage=storage, query=query)
            page = expect(call, result, ObjectPage)
            return check_page(call, page, query, self.info.capabilities)

    def get_data(self, storage: StorageRef, request: ReadRequest) -> ObjectBody:
        call = self._locate("get_data", storage)
        with translate_errors(call, self._meter):
            self._check(storage)
            result = self._callers["get_data"](storage=storage, request=request)
            return guard_body(call, expect(call, result, ObjectBody), request)

    def presign(self, storage: StorageRef, request: PresignRequest) -> SignedUrl:
        call = self._locate("presign", storage)
        with translate_errors(call, self._meter):
            self._check(storage)
            result = self._callers["presign"](storage=storage, request=request)
            signed = expect(call, result, SignedUrl)
            if signed.expires_at.tzinfo is None:
                raise call.violation("returned an expiry without a time zone")
            return signed

    def save_annotation(
        self, storage: StorageRef, request: WriteRequest
    ) -> SavedObject:
        call = self._locate("save_annotation", storage)
        with translate_errors(call, self._meter):
            self._check(storage)
            caller = self._callers["save_annotation"]
            return expect(call, caller(storage=storage, request=request), SavedObject)

    def delete_annotation(
        self, storage: StorageRef, request: DeleteRequest
    ) -> Deletion:
        call = self._locate("delete_annotation", storage)
        with translate_errors(call, self._meter):
            self._check(storage)
            caller = self._callers["delete_annotation"]
            return expect(call, caller(storage=storage, request=request), Deletion)

    def build_peer_check(self, options: StorageOptions) -> CheckPeer | None:
        """What looks at the connections of a storage with these settings."""
        return self._gate.build_peer_check(options) if self._gate else None

    def _locate(self, operation: str, storage: StorageRef) -> Call:
        return Call(self.info.name, operation, storage.id)

    def _check(self, storage: StorageRef) -> None:
        if self._gate:
            self._gate.check(storage)


def _report(error: EgressRefused) -> ValidationReport:
    problem = Problem(error.field, error.message, error.remedy, error.code)
    return ValidationReport(Availability.FORBIDDEN, (problem,))

"""One parcel to its bucket: never older content over newer, never what is not ours.

A token cannot fence a bucket, conditions can. A write names the ETag that is known for
the key, or that there is nothing. If that does not hold, the object is looked at, then
the lease, and then it is written on the condition that it is still that object: whoever
took over the lease in between changed it, and nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson

from labeldock.contract.errors import (
    AccessDenied,
    LabeldockError,
    NotSupported,
    ObjectNotFound,
    PreconditionFailed,
    Unavailable,
)
from labeldock.contract.values import (
    ABSENT,
    ALWAYS,
    BytesContent,
    Condition,
    DeleteRequest,
    ReadRequest,
    SavedObject,
    WriteRequest,
    matches,
)
from labeldock.services.connections import Connection
from labeldock.services.context import AppContext
from labeldock.services.exporting.claims import Parcel, ensure_held
from labeldock.services.exporting.plans import Plan

_TRIES: Final = 3
_LARGEST_LOOK: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """A parcel and what to do: content to write (None: nothing to write any more).

    `etag` is that of the object that is known to lie under the key.
    """

    parcel: Parcel
    content: bytes | None
    version: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class Removed:
    """There is no object of ours under the key any more."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The object under the key is not the one that we wrote, so it was left alone."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """There was nothing to write any more."""


Outcome = SavedObject | Removed | Kept | Nothing | LabeldockError


class Courier:
    """Takes parcels of one storage to its bucket; used by several threads."""

    def __init__(self, app: AppContext, connection: Connection, plan: Plan) -> None:
        """For this storage, which holds files of this plan."""
        self.plan = plan
        self._app = app
        self._provider, self._ref = connection.provider, connection.ref
        self._knows_conditions = self._provider.info.capabilities.conditional_write

    def send(self, order: Order) -> Outcome:
        """Write or remove an object; an error is an outcome like another."""
        try:
            if order.parcel.wanted == "absent":
                return self._remove(order)
            if order.content is None:
                return Nothing()
            return self._write(order, order.content)
        except LabeldockError as error:
            return error

    # Writing

    def _write(self, order: Order, content: bytes) -> SavedObject:
        condition = matches(order.etag) if order.etag else ABSENT
        if not self._knows_conditions:
            return self._save(order, content, ALWAYS)
        try:
            return self._save(order, content, condition)
        except NotSupported:
            self._knows_conditions = False
            return self._save(order, content, ALWAYS)
        except PreconditionFailed:
            return self._write_over(order, content)

    def _write_over(self, order: Order, content: bytes) -> SavedObject:
        for _ in range(_TRIES):
            try:
                condition = self._look(order.parcel)
            except AccessDenied:  # may write, may not read
                condition = ALWAYS
            ensure_held(self._app, order.parcel)
            try:
                return self._save(order, content, condition)
            except PreconditionFailed:
                continue
        raise Unavailable(
            "The object is being changed by somebody else all the time.",
            key=order.parcel.key,
            remedy="Give this storage a prefix that nobody else writes below.",
        )

    def _look(self, parcel: Parcel) -> Condition:
        """The condition that the key holds what it holds now."""
        request = ReadRequest(parcel.key, metadata_only=True)
        try:
            body = self._provider.get_data(self._ref, request)
        except ObjectNotFound:
            return ABSENT
        body.reader.close()
        return matches(body.info.etag)

    def _save(self, order: Order, content: bytes, condition: Condition) -> SavedObject:
        request = WriteRequest(
            order.parcel.key, BytesContent(content), "application/json", condition
        )
        return self._provider.save_annotation(self._ref, request)

    # Removing

    def _remove(self, order: Order) -> Removed | Kept:
        parcel = order.parcel
        if order.etag and self._delete(parcel, matches(order.etag)):
            return Removed()
        if order.etag and parcel.in_doubt <= 1:
            return Kept()
        return self._remove_doubtful(parcel)

    def _remove_doubtful(self, parcel: Parcel) -> Removed | Kept:
        """An earlier delivery may have written it and not lived to say so."""
        found = self._look(parcel)
        if found.absent:
            return Removed()
        if not self._is_ours(parcel, found.etag):
            return Kept()
        ensure_held(self._app, parcel)
        return Removed() if self._delete(parcel, found) else Kept()

    def _delete(self, parcel: Parcel, condition: Condition) -> bool:
        """Whether it is gone; False if it is another object by now."""
        try:
            request = DeleteRequest(parcel.key, condition)
            self._provider.delete_annotation(self._ref, request)
        except PreconditionFailed:
            return False
        except NotSupported:
            if self._look(parcel) not in {condition, ABSENT}:
                return False
            self._provider.delete_annotation(self._ref, DeleteRequest(parcel.key))
        return True

    def _is_ours(self, parcel: Parcel, etag: str | None) -> bool:
        """Whether an object says of itself that it is what we write under this key."""
        try:
            request = ReadRequest(parcel.key, if_match=etag)
            body = self._provider.get_data(self._ref, request)
        except (ObjectNotFound, PreconditionFailed):
            return False
        try:
            if body.info.size > _LARGEST_LOOK:
                return False
            text = b"".join(iter(lambda: body.reader.read(_LARGEST_LOOK), b""))
        finally:
            body.reader.close()
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            return False
        wanted = {"id": parcel.item.number, "project": self.plan.project_id}
        return isinstance(document, dict) and wanted.items() <= document.items()

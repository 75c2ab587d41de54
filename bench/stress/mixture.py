"""What the people of a service ask for, in which shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SHARES = {
    "resolve": 0.60,  # pictures that redirect
    "proxy": 0.15,  # pictures that are passed through
    "list": 0.12,  # a page of tasks
    "annotate": 0.11,  # a new annotation, which is exported by itself
    "sync": 0.01,  # of an import storage
    "export": 0.01,  # of what is new
}
"""A page of a grid shows a dozen pictures for each list, and syncs are rare."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request.

    Attributes:
        name: one of `SHARES`.
        share: how many of all requests are of this kind, from 0 to 1.
        method: of HTTP.
        paths: asked for in turns.
        status: what a good answer has.
        body: what is sent, as JSON.
        is_noted: whether the number (`id`) of what was made is told.
    """

    name: str
    share: float
    method: str
    paths: Sequence[str]
    status: int = 200
    body: str = ""
    is_noted: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests at a fixed rate, whatever becomes of those before.

    Attributes:
        url: of the service.
        operations: the kinds.
        rate: requests in a second.
        seconds: for how long.
        headers: sent with each.
        connections: how many at a time at most; the rest waits.
        patience: seconds after which a request is given up, from when it was due.
        seed: of the order of the kinds.
    """

    url: str
    operations: Sequence[Operation]
    rate: float
    seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)
    connections: int = 256
    patience: float = 15.0
    seed: int = 0

    @property
    def total(self) -> int:
        """How many requests there are."""
        return max(1, round(self.rate * self.seconds))

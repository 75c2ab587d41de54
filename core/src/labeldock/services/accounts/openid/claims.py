"""What is known of somebody on their way to an OpenID provider, and back.

Apart from the provider, whose libraries take a tenth of a web process's memory: they
are imported once somebody logs in that way.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Journey:
    """What has to be known again when somebody comes back from the provider."""

    state: str
    nonce: str
    verifier: str
    target: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What the provider says about somebody; `email` is empty if it is not verified."""

    issuer: str
    subject: str
    email: str
    first_name: str
    last_name: str

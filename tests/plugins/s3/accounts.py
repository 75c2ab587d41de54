"""Users with policies on moto, which can be told to check keys and permissions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import boto3

from tests.plugins.s3.places import Place

ADMIN = "admin"


def build_client(place: Place, service: str) -> Any:
    """A client of another service of moto."""
    return boto3.client(
        service,
        endpoint_url=place.endpoint,
        region_name=place.region,
        aws_access_key_id=place.key_id,
        aws_secret_access_key=place.secret,
    )


def create_user(place: Place, actions: Sequence[str], resource: str = "*") -> Place:
    """The place with the key of a new user who may do these things alone."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return create_user_with(place, [statement])


def create_user_with(place: Place, statements: Sequence[Any]) -> Place:
    """The same with whole statements of a policy."""
    iam = build_client(place, "iam")
    name = f"user-{len(iam.list_users()['Users'])}"
    iam.create_user(UserName=name)
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_user_policy(
        UserName=name, PolicyName="what-it-may", PolicyDocument=json.dumps(document)
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return place.change(key_id=key["AccessKeyId"], secret=key["SecretAccessKey"])


@contextmanager
def enforced(place: Place) -> Iterator[None]:
    """From now on keys, signatures and policies count."""
    _begin_checks_after(place, "0")
    try:
        yield
    finally:
        _begin_checks_after(place, "inf")


@contextmanager
def recorded(place: Place) -> Iterator[list[Any]]:
    """The requests that moto received meanwhile; filled in at the end."""
    requests: list[Any] = []
    for action in ("reset-recording", "start-recording"):
        _ask(place, f"recorder/{action}")
    try:
        yield requests
    finally:
        _ask(place, "recorder/stop-recording")
    lines = _ask(place, "recorder/download-recording", "GET").splitlines()
    requests += map(json.loads, lines)


def _begin_checks_after(place: Place, requests: str) -> None:
    _ask(place, "reset-auth", body=requests)


def _ask(place: Place, path: str, method: str = "POST", body: str = "") -> str:
    asked = Request(
        f"{place.endpoint}/moto-api/{path}",
        body.encode() if method == "POST" else None,
        {"Content-Type": "text/plain"},
        method=method,
    )
    with urlopen(asked, timeout=10) as answer:
        text: str = answer.read().decode()
        return text

"""What `labeldock doctor` looks at around the process: other services, and addresses.

Each is asked something that changes nothing, with a time limit.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labeldock.cli.findings import Finding, approve, fail, warn
from labeldock.contract.errors import LabeldockError, ObjectNotFound
from labeldock.contract.values import ReadRequest
from labeldock.db.engine import Database
from labeldock.db.secrets import Vault
from labeldock.host.catalog import Catalog
from labeldock.services.context import AppContext, build_egress_policy
from labeldock.services.persistent.store import FOLDER, SETTING, open_store
from labeldock.settings import Settings
from labeldock.tracing import load_recorder

if TYPE_CHECKING:
    import redis

SECONDS: Final = 5
LEAST_REDIS: Final = (5, 0)
_PROBE: Final = "doctor/there-is-no-such-file"
_NOT_KEPT: Final = "k" * 16  # a key for a vault that nothing is stored with


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Whether Redis answers, and is one that can be worked with."""
    if settings.is_embedded:
        yield approve("broker", "in this process; the web service does the work")
        return
    import redis

    try:
        with closing(_connect(settings.broker_url)) as client:
            server, memory = client.info("server"), client.info("memory")
    except (redis.RedisError, ValueError, OSError) as error:
        message = f"Redis cannot be reached ({type(error).__name__})."
        yield fail("broker", message, "Start it, or correct LABELDOCK_BROKER_URL.")
        return
    yield _judge_version(str(server.get("redis_version", "?")))
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if memory.get("maxmemory") and policy != "noeviction":
        message = f"Redis forgets messages when it is full ({policy})."
        yield warn("broker memory", message, "Set its maxmemory-policy to noeviction.")


def _connect(url: str) -> redis.Redis:
    import redis

    client: redis.Redis = redis.Redis.from_url(
        url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS
    )
    return client


def _judge_version(version: str) -> Finding:
    parts = version.split(".")[:2]
    known = tuple(int(part) for part in parts if part.isdigit())
    if len(known) == len(LEAST_REDIS) and known < LEAST_REDIS:
        wanted = ".".join(map(str, LEAST_REDIS))
        message = f"Redis {version} is older than {wanted}."
        return fail("broker", message, "Install a newer Redis.")
    message = f"Redis {version}, reachable; run `labeldock worker` for the work"
    return approve("broker", message)


def check_egress(settings: Settings) -> Iterator[Finding]:
    """Which policy is in force for addresses that people put into settings."""
    try:
        build_egress_policy(settings)
    except LabeldockError as error:
        yield fail("egress", error.message, error.remedy)
        return
    listed = len(settings.egress_allow)
    besides = f", and {listed} listed" if listed else ""
    if not settings.permits_private_egress:
        yield approve("egress", f"to public addresses{besides}")
    elif settings.is_embedded:
        yield approve("egress", f"to public and private addresses{besides}")
    else:
        message = "Settings may lead requests into private networks."
        remedy = "Unset LABELDOCK_EGRESS_PRIVATE, and list hosts in "
        yield warn("egress", message, f"{remedy}LABELDOCK_EGRESS_ALLOW.")


def check_persistent(settings: Settings, catalog: Catalog) -> Iterator[Finding]:
    """Whether the place of uploads, archives and restored media answers."""
    if not settings.persistent_storage.get_secret_value().strip():
        yield _check_folder(settings.home / FOLDER)
        return
    with closing(Database("postgresql://")) as nothing:  # never asked
        app = AppContext(settings, nothing, catalog, Vault([_NOT_KEPT]))
        try:
            open_store(app).get_data(ReadRequest(_PROBE, None, True))
        except ObjectNotFound:
            yield approve("persistent storage", "reachable")
        except LabeldockError as error:
            remedy = error.remedy or f"Correct {SETTING}."
            yield fail("persistent storage", error.message, remedy)
        else:
            yield approve("persistent storage", "reachable")


def _check_folder(folder: Path) -> Finding:
    if not folder.exists():
        return approve("persistent storage", "will be made in the home folder")
    if folder.is_dir() and os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return approve("persistent storage", str(folder))
    remedy = f"Let user {os.getuid()} write there."
    return fail("persistent storage", f"{folder} is not a writable folder.", remedy)


def check_openid(settings: Settings) -> Iterator[Finding]:
    """Whether the settings of the OpenID provider are complete."""
    issuer, client = settings.openid_issuer, settings.openid_client_id
    if not issuer and not client:
        return
    if not issuer or not client:
        missing = "LABELDOCK_OPENID_CLIENT_ID" if issuer else "LABELDOCK_OPENID_ISSUER"
        message = f"{missing} is missing, so nobody can log in there."
        yield fail("openid", message, f"Set {missing}, or unset all LABELDOCK_OPENID_*")
    elif not settings.public_url:
        message = "The address that the provider sends people back to is not set."
        yield warn("openid", message, "Set LABELDOCK_PUBLIC_URL.")
    elif settings.openid_create_users and not settings.openid_domains:
        message = f"Whoever has an account at {issuer} is given one here."
        yield warn("openid", message, "Set LABELDOCK_OPENID_DOMAINS.")
    else:
        yield approve("openid", f"people log in at {issuer}")


def check_traces(settings: Settings) -> Finding:
    """Whether traces are sent, and taken where they are sent to."""
    if not settings.traces:
        return approve("traces", "off")
    try:
        load_recorder("labeldock-doctor").close()
    except LabeldockError as error:
        return fail("traces", error.message, error.remedy)
    from labeldock.tracing import probing

    if probing.is_disabled():
        message = "LABELDOCK_TRACES is on, and OTEL_SDK_DISABLED switches them off."
        return warn("traces", message, "Unset one of them.")
    answer = probing.ask_collector(SECONDS)
    if answer.is_good:
        return approve("traces", f"taken at {answer.address}")
    reason = answer.failure or f"answers with {answer.status}"
    message = f"The collector at {answer.address} does not take them ({reason})."
    return warn("traces", message, "Start it, or correct OTEL_EXPORTER_OTLP_ENDPOINT.")


def check_web(settings: Settings, address: str) -> Finding:
    """Whether the service answers at its public address, or at its usual one."""
    url = (settings.public_url or address).rstrip("/")
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=SECONDS) as answer:  # noqa: S310  the operator's own
            answer.read(1)
    except urllib.error.HTTPError as error:
        message = f"{url} answers with {error.code}, as another service would."
        return warn("web", message, "Correct LABELDOCK_PUBLIC_URL, or the proxy.")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        kind = type(reason).__name__
        message = f"Nobody answers at {url} ({kind})."
        return warn("web", message, "Run: labeldock serve")
    return approve("web", f"answers at {url}")

"""What `labeldock doctor` looks at: each check says how it is and what to do."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlmodel import col, func, select

from labeldock.cli.findings import Finding, approve, fail, warn
from labeldock.cli.service_checks import (
    check_broker,
    check_egress,
    check_openid,
    check_persistent,
    check_traces,
    check_web,
)
from labeldock.cli.serving import DEFAULT_HOST, DEFAULT_PORT
from labeldock.contract.errors import LabeldockError
from labeldock.db import schema
from labeldock.db.columns import utc_now
from labeldock.db.engine import Database
from labeldock.db.history import WorkerSign
from labeldock.db.messages import Webhook
from labeldock.db.secrets import KEY_FILE, EncryptedValue, Vault, load_vault
from labeldock.db.tables import StorageSecret, User
from labeldock.db.types import database_now
from labeldock.host import CatalogEntry, PluginStatus
from labeldock.host.catalog import Catalog
from labeldock.services.context import load_providers
from labeldock.services.lost_secrets import find_lost, name_lost
from labeldock.services.worker_signs import PERIOD
from labeldock.settings import Settings, load_settings

GIB: Final = 1024**3
LEAST_FREE: Final = GIB // 4
LITTLE_FREE: Final = 2 * GIB
LARGE_SQLITE: Final = 10 * GIB
CLOCK_LIMIT: Final = 2.0  # seconds
USUAL_ADDRESS: Final = f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"


def examine() -> Iterator[Finding]:
    """Check everything; nothing is created or changed by it."""
    try:
        settings = load_settings()
    except LabeldockError as error:
        yield fail("settings", error.message, error.remedy)
        return
    yield approve("settings", f"home is {settings.home}")
    yield from _check_home(settings)
    yield from _check_secret_key(settings)
    yield from _check_database(settings)
    yield from check_broker(settings)
    yield from check_egress(settings)
    yield from _check_plugins(settings)
    yield from check_openid(settings)
    yield check_traces(settings)
    yield check_web(settings, USUAL_ADDRESS)


# The home folder


def _check_home(settings: Settings) -> Iterator[Finding]:
    folder = _find_existing(settings.home)
    if not folder.is_dir():
        yield fail("home", f"{folder} is not a folder.", "Set LABELDOCK_HOME.")
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or "not writable"
        remedy = f"Let user {os.getuid()} write there, or set LABELDOCK_HOME."
        yield fail("home", f"{folder}: {reason}.", remedy)
    else:
        is_there = folder == settings.home
        yield approve("home", "writable" if is_there else "will be made at first use")
    yield _check_space(folder)


def _find_existing(path: Path) -> Path:
    """The path itself, or the nearest folder above that exists."""
    return next((p for p in (path, *path.parents) if p.exists()), Path("/"))


def _check_space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    message = f"{free / GIB:.1f} GiB free"
    remedy = "Make room, or move LABELDOCK_HOME."
    if free < LEAST_FREE:
        return fail("disk", message, remedy)
    if free < LITTLE_FREE:
        return warn("disk", message, remedy)
    return approve("disk", message)


def _check_secret_key(settings: Settings) -> Iterator[Finding]:
    is_set = bool(settings.secret_key.get_secret_value())
    key_file = settings.home / KEY_FILE
    if _has_no_key_yet(settings):
        yield approve("secret key", "will be made in the home folder at first use")
        return
    try:
        load_vault(settings)
    except LabeldockError as error:
        yield fail("secret key", error.message, error.remedy)
    except OSError as error:
        reason = error.strerror or "not readable"
        yield fail("secret key", f"{key_file}: {reason}.", "Make it readable.")
    else:
        yield from _check_key_file(key_file, is_set=is_set)


def _has_no_key_yet(settings: Settings) -> bool:
    """Whether there is none, and the first use will make one."""
    is_set = settings.secret_key.get_secret_value() or settings.database_url
    return not is_set and not (settings.home / KEY_FILE).exists()


def _check_key_file(key_file: Path, *, is_set: bool) -> Iterator[Finding]:
    if is_set:
        yield approve("secret key", "set in LABELDOCK_SECRET_KEY")
    elif key_file.stat().st_mode & 0o077:
        remedy = f"Run: chmod 600 {key_file}"
        yield warn("secret key", f"{key_file} is open to other users.", remedy)
    else:
        yield approve("secret key", f"in {key_file}; keep a copy of it")


# The database


def _check_database(settings: Settings) -> Iterator[Finding]:
    url = settings.effective_database_url
    try:
        if _is_missing_file(url):
            yield approve("database", "SQLite; will be made at first use")
            return
        with closing(Database(url)) as database:
            yield from _ask_database(settings, database)
    except SQLAlchemyError as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        remedy = "Start it, or correct LABELDOCK_DATABASE_URL."
        yield fail("database", f"It cannot be reached ({kind}).", remedy)
    except LabeldockError as error:
        yield fail("database", error.message, error.remedy)


def _is_missing_file(url: str) -> bool:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return False  # Database says what is wrong with it
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return bool(is_file) and not Path(str(parsed.database)).exists()


def _ask_database(settings: Settings, database: Database) -> Iterator[Finding]:
    found, wanted = schema.current_revision(database), schema.head_revision()
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    yield approve("database", f"{kind}, reachable")
    yield _check_schema(database, found, wanted)
    if found == wanted or schema.is_ahead(found):
        yield _check_users(database)
        yield from _check_workers(settings, database)
        yield from _check_stored_secrets(settings, database)
    if database.is_sqlite:
        yield from _check_sqlite(settings, database)
    yield _check_clock(database)


def _check_schema(database: Database, found: str | None, wanted: str | None) -> Finding:
    if found == wanted:
        return approve("schema", f"revision {found}")
    if schema.is_ahead(found):
        schema.ensure_current(database)  # or say what is needed
        message = f"revision {found}, of a newer version; this one can work with it"
        return warn("schema", message, "Upgrade all processes to the newer version.")
    if database.is_sqlite:
        message = f"revision {found or 'none'}; brought to {wanted} at the next start"
        return warn("schema", message, "Make a backup before.")
    message = f"revision {found or 'none'}, this version needs {wanted}"
    return fail("schema", message, "Run: labeldock migrate")


def _check_users(database: Database) -> Finding:
    with database.read() as session:
        count = session.exec(select(func.count()).select_from(User)).one()
    if count:
        return approve("users", f"{count}")
    command = "labeldock user create --admin --email you@example.org"
    return warn("users", "Nobody can log in yet.", f"Run: {command}")


def _check_workers(settings: Settings, database: Database) -> Iterator[Finding]:
    if settings.is_embedded:
        return  # the web service is its own
    alive = utc_now() - 3 * PERIOD
    query = select(func.count()).where(col(WorkerSign.seen_at) > alive)
    with database.read() as session:
        count = session.exec(query).one()
    if count:
        yield approve("workers", f"{count}")
    else:
        message = "None gave a sign of life within the last minute."
        yield warn("workers", message, "Run: labeldock worker")


def _check_stored_secrets(settings: Settings, database: Database) -> Iterator[Finding]:
    """Secrets outlive their keys, which is noticed only when they are needed."""
    counts = _count_secrets(database)
    total = sum(counts.values())
    try:
        vault = None if _has_no_key_yet(settings) else load_vault(settings)
    except (LabeldockError, OSError):
        return  # said already, as the finding about the key
    knows = vault.knows if vault else lambda _key_id: False
    lost = sum(n for key, n in counts.items() if not knows(key))
    if lost:
        names = name_lost(find_lost(database, knows))
        message = f"{lost} of {total} cannot be read with the present keys: {names}."
        remedy = "Add the earlier key to LABELDOCK_SECRET_KEY, after a comma, or enter "
        yield fail("stored secrets", message, f"{remedy}them again.")
    elif vault and (earlier := _count_earlier(vault, counts)):
        message = f"{earlier} of {total} need an earlier key of LABELDOCK_SECRET_KEY."
        remedy = "Run: labeldock secrets rotate. Then that key can go."
        yield warn("stored secrets", message, remedy)
    elif total:
        yield approve("stored secrets", f"{total}, readable")


def _count_secrets(database: Database) -> Counter[str]:
    """How many were encrypted with which key, by its id."""
    counts: Counter[str] = Counter()
    with database.read() as session:
        for table in (StorageSecret, Webhook):
            key_id = col(table.key_id)
            query = select(key_id, func.count()).group_by(key_id)
            counts.update(dict(session.exec(query).all()))
    return counts


def _count_earlier(vault: Vault, counts: Counter[str]) -> int:
    values = ((EncryptedValue(key, b""), n) for key, n in counts.items())
    return sum(n for value, n in values if not vault.is_current(value))


def _check_sqlite(settings: Settings, database: Database) -> Iterator[Finding]:
    remedy = "Set LABELDOCK_DATABASE_URL to a PostgreSQL database."
    if not settings.is_embedded:
        message = "SQLite serves one machine; LABELDOCK_BROKER_URL is for several."
        yield warn("sqlite", message, remedy)
    name = database.engine.url.database
    size = Path(name).stat().st_size if name else 0
    if size > LARGE_SQLITE:
        message = f"The file has {size / GIB:.0f} GiB; PostgreSQL is due."
        yield warn("sqlite", message, remedy)


def _check_clock(database: Database) -> Finding:
    with database.read() as session:
        before = datetime.now(UTC)
        theirs = session.exec(select(database_now())).one()
        after = datetime.now(UTC)
    ours = before + (after - before) / 2
    seconds = abs((theirs - ours).total_seconds())
    message = f"differs from the database's by {seconds:.1f} s"
    if seconds > CLOCK_LIMIT:
        remedy = "Set both clocks by NTP: signed URLs depend on this one."
        return warn("clock", message, remedy)
    return approve("clock", message)


# Plug-ins


def _check_plugins(settings: Settings) -> Iterator[Finding]:
    lenient = settings.model_copy(update={"strict_plugins": False})
    try:
        catalog = load_providers(lenient)
    except LabeldockError:
        return  # said already, as the finding about egress
    yield from map(_describe_plugin, catalog.entries)
    if not catalog.providers:
        remedy = "For local files: pip install labeldock-local"
        yield warn("providers", "No storage can be connected.", remedy)
    yield from _check_roots(settings, catalog)
    yield from check_persistent(settings, catalog)


def _describe_plugin(entry: CatalogEntry) -> Finding:
    check = f"plug-in {entry.name}"
    text = f"{entry.distribution} {entry.version} is {entry.status.value}"
    if entry.status in {PluginStatus.LOADED, PluginStatus.DISABLED}:
        return approve(check, text)
    remedy = f"Repair or uninstall it, or put {entry.name} on the block list."
    return fail(check, f"{text}: {entry.reason}", remedy)


def _check_roots(settings: Settings, catalog: Catalog) -> Iterator[Finding]:
    local = next((p for p in catalog.providers if p.info.name == "local"), None)
    roots = getattr(local.operator, "roots", None) if local else None
    if roots is None:
        return
    if not roots:
        remedy = "Set LABELDOCK_LOCAL_ROOTS to the folders that may be connected."
        yield warn("local roots", "No folder may be connected.", remedy)
    for root in roots:
        yield _check_root(Path(root), settings.home)


def _check_root(root: Path, home: Path) -> Finding:
    if home.resolve().is_relative_to(root):
        message = f"{root} contains LABELDOCK_HOME, with its database and keys."
        return fail("local roots", message, "Allow folders beside it only.")
    if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
        return approve("local roots", str(root))
    problem = "is not readable" if root.is_dir() else "is not a folder"
    return warn("local roots", f"{root} {problem}.", "Correct LABELDOCK_LOCAL_ROOTS.")

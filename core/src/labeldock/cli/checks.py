"""What `labeldock doctor` looks at: each check says how it is and what to do."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlmodel import col, func, select

from labeldock.contract.errors import LabeldockError
from labeldock.db import schema
from labeldock.db.engine import Database
from labeldock.db.messages import Webhook
from labeldock.db.secrets import KEY_FILE, EncryptedValue, Vault, load_vault
from labeldock.db.tables import StorageSecret, User
from labeldock.db.types import database_now
from labeldock.host import CatalogEntry, PluginStatus
from labeldock.host.catalog import Catalog
from labeldock.services.context import load_providers
from labeldock.settings import Settings, load_settings

GIB: Final = 1024**3
LEAST_FREE: Final = GIB // 4
LITTLE_FREE: Final = 2 * GIB
LARGE_SQLITE: Final = 10 * GIB
CLOCK_LIMIT: Final = 2.0  # seconds


class Level(StrEnum):
    """How a check went; only FAIL makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    level: Level
    message: str
    remedy: str | None = None


def examine() -> Iterator[Finding]:
    """Check everything; nothing is created or changed by it."""
    try:
        settings = load_settings()
    except LabeldockError as error:
        yield _fail("settings", error.message, error.remedy)
        return
    yield _ok("settings", f"home is {settings.home}")
    yield from _check_home(settings)
    yield from _check_secret_key(settings)
    yield from _check_database(settings)
    yield from _check_broker(settings)
    yield from _check_plugins(settings)


def _ok(check: str, message: str) -> Finding:
    return Finding(check, Level.OK, message)


def _warn(check: str, message: str, remedy: str | None = None) -> Finding:
    return Finding(check, Level.WARN, message, remedy)


def _fail(check: str, message: str, remedy: str | None = None) -> Finding:
    return Finding(check, Level.FAIL, message, remedy)


# The home folder


def _check_home(settings: Settings) -> Iterator[Finding]:
    folder = _find_existing(settings.home)
    if not folder.is_dir():
        yield _fail("home", f"{folder} is not a folder.", "Set LABELDOCK_HOME.")
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or "not writable"
        remedy = f"Let user {os.getuid()} write there, or set LABELDOCK_HOME."
        yield _fail("home", f"{folder}: {reason}.", remedy)
    else:
        is_there = folder == settings.home
        yield _ok("home", "writable" if is_there else "will be made at first use")
    yield _check_space(folder)


def _find_existing(path: Path) -> Path:
    """The path itself, or the nearest folder above that exists."""
    return next((p for p in (path, *path.parents) if p.exists()), Path("/"))


def _check_space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    message = f"{free / GIB:.1f} GiB free"
    remedy = "Make room, or move LABELDOCK_HOME."
    if free < LEAST_FREE:
        return _fail("disk", message, remedy)
    if free < LITTLE_FREE:
        return _warn("disk", message, remedy)
    return _ok("disk", message)


def _check_secret_key(settings: Settings) -> Iterator[Finding]:
    is_set = bool(settings.secret_key.get_secret_value())
    key_file = settings.home / KEY_FILE
    if _has_no_key_yet(settings):
        yield _ok("secret key", "will be made in the home folder at first use")
        return
    try:
        load_vault(settings)
    except LabeldockError as error:
        yield _fail("secret key", error.message, error.remedy)
    except OSError as error:
        reason = error.strerror or "not readable"
        yield _fail("secret key", f"{key_file}: {reason}.", "Make it readable.")
    else:
        yield from _check_key_file(key_file, is_set=is_set)


def _has_no_key_yet(settings: Settings) -> bool:
    """Whether there is none, and the first use will make one."""
    is_set = settings.secret_key.get_secret_value() or settings.database_url
    return not is_set and not (settings.home / KEY_FILE).exists()


def _check_key_file(key_file: Path, *, is_set: bool) -> Iterator[Finding]:
    if is_set:
        yield _ok("secret key", "set in LABELDOCK_SECRET_KEY")
    elif key_file.stat().st_mode & 0o077:
        remedy = f"Run: chmod 600 {key_file}"
        yield _warn("secret key", f"{key_file} is open to other users.", remedy)
    else:
        yield _ok("secret key", f"in {key_file}; keep a copy of it")


# The database


def _check_database(settings: Settings) -> Iterator[Finding]:
    url = settings.effective_database_url
    try:
        if _is_missing_file(url):
            yield _ok("database", "SQLite; will be made at first use")
            return
        with closing(Database(url)) as database:
            yield from _ask_database(settings, database)
    except SQLAlchemyError as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        remedy = "Start it, or correct LABELDOCK_DATABASE_URL."
        yield _fail("database", f"It cannot be reached ({kind}).", remedy)
    except LabeldockError as error:
        yield _fail("database", error.message, error.remedy)


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
    yield _ok("database", f"{kind}, reachable")
    if found == wanted:
        yield _ok("schema", f"revision {found}")
        yield _check_users(database)
        yield from _check_stored_secrets(settings, database)
    elif database.is_sqlite:
        message = f"revision {found or 'none'}; brought to {wanted} at the next start"
        yield _warn("schema", message, "Make a backup before.")
    else:
        message = f"revision {found or 'none'}, this version needs {wanted}"
        yield _fail("schema", message, "Run: labeldock migrate")
    if database.is_sqlite:
        yield from _check_sqlite(settings, database)
    yield _check_clock(database)


def _check_users(database: Database) -> Finding:
    with database.read() as session:
        count = session.exec(select(func.count()).select_from(User)).one()
    if count:
        return _ok("users", f"{count}")
    command = "labeldock user create --admin --email you@example.org"
    return _warn("users", "Nobody can log in yet.", f"Run: {command}")


def _check_stored_secrets(settings: Settings, database: Database) -> Iterator[Finding]:
    """Secrets outlive their keys, which is noticed only when they are needed."""
    counts = _count_secrets(database)
    total = sum(counts.values())
    try:
        vault = None if _has_no_key_yet(settings) else load_vault(settings)
    except (LabeldockError, OSError):
        return  # said already, as the finding about the key
    lost = sum(n for key, n in counts.items() if not (vault and vault.knows(key)))
    if lost:
        message = f"{lost} of {total} cannot be read with the present keys."
        remedy = "Add the earlier key to LABELDOCK_SECRET_KEY, after a comma, or enter "
        yield _fail("stored secrets", message, f"{remedy}them again.")
    elif vault and (earlier := _count_earlier(vault, counts)):
        message = f"{earlier} of {total} need an earlier key of LABELDOCK_SECRET_KEY."
        remedy = "Run: labeldock secrets rotate. Then that key can go."
        yield _warn("stored secrets", message, remedy)
    elif total:
        yield _ok("stored secrets", f"{total}, readable")


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
        yield _warn("sqlite", message, remedy)
    name = database.engine.url.database
    size = Path(name).stat().st_size if name else 0
    if size > LARGE_SQLITE:
        message = f"The file has {size / GIB:.0f} GiB; PostgreSQL is due."
        yield _warn("sqlite", message, remedy)


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
        return _warn("clock", message, remedy)
    return _ok("clock", message)


# The queue


def _check_broker(settings: Settings) -> Iterator[Finding]:
    if settings.is_embedded:
        yield _ok("broker", "in this process; the web service does the work")
        return
    import redis

    try:
        client = redis.Redis.from_url(settings.broker_url, socket_timeout=5)
        client.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        message = f"Redis cannot be reached ({type(error).__name__})."
        yield _fail("broker", message, "Start it, or correct LABELDOCK_BROKER_URL.")
    else:
        yield _ok("broker", "Redis, reachable; run `labeldock worker` for the work")


# Plug-ins


def _check_plugins(settings: Settings) -> Iterator[Finding]:
    lenient = settings.model_copy(update={"strict_plugins": False})
    catalog = load_providers(lenient)
    yield from map(_describe_plugin, catalog.entries)
    if not catalog.providers:
        remedy = "For local files: pip install labeldock-local"
        yield _warn("providers", "No storage can be connected.", remedy)
    yield from _check_roots(settings, catalog)


def _describe_plugin(entry: CatalogEntry) -> Finding:
    check = f"plug-in {entry.name}"
    text = f"{entry.distribution} {entry.version} is {entry.status.value}"
    if entry.status in {PluginStatus.LOADED, PluginStatus.DISABLED}:
        return _ok(check, text)
    remedy = f"Repair or uninstall it, or put {entry.name} on the block list."
    return _fail(check, f"{text}: {entry.reason}", remedy)


def _check_roots(settings: Settings, catalog: Catalog) -> Iterator[Finding]:
    local = next((p for p in catalog.providers if p.info.name == "local"), None)
    roots = getattr(local.operator, "roots", None) if local else None
    if roots is None:
        return
    if not roots:
        remedy = "Set LABELDOCK_LOCAL_ROOTS to the folders that may be connected."
        yield _warn("local roots", "No folder may be connected.", remedy)
    for root in roots:
        yield _check_root(Path(root), settings.home)


def _check_root(root: Path, home: Path) -> Finding:
    if home.resolve().is_relative_to(root):
        message = f"{root} contains LABELDOCK_HOME, with its database and keys."
        return _fail("local roots", message, "Allow folders beside it only.")
    if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
        return _ok("local roots", str(root))
    problem = "is not readable" if root.is_dir() else "is not a folder"
    return _warn("local roots", f"{root} {problem}.", "Correct LABELDOCK_LOCAL_ROOTS.")

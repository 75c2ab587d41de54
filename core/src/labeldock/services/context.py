"""What every use case is given: settings, database, providers, keys, and a bell.

Made once per process by `open_context` and passed down; nothing here is global.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from labeldock.contract.errors import ConfigurationError
from labeldock.db import schema
from labeldock.db.engine import Database
from labeldock.db.secrets import Vault, load_vault
from labeldock.host.catalog import Catalog, load_catalog
from labeldock.host.discovery import Choice
from labeldock.host.egress import EgressPolicy
from labeldock.services.provider_calls import ProviderCalls
from labeldock.settings import Settings, load_settings, read_environment


class Bell(Protocol):
    """Tells workers that there is work, so that they need not wait for their poll.

    Losing a ring loses time, never work: the rows in the database say what is due.
    """

    def ring_run(self, run_id: int, kind: str) -> None:
        """A run of this kind wants work."""

    def ring_delivery(self, storage_id: int) -> None:
        """An export storage has something to deliver."""


class SilentBell:
    """Rings nobody; workers find the work when they poll."""

    def ring_run(self, run_id: int, kind: str) -> None:
        """Do nothing."""

    def ring_delivery(self, storage_id: int) -> None:
        """Do nothing."""


class Epochs:
    """Counts changes to where a project's media come from.

    What is remembered of a project is good for one epoch. Other processes do not see
    it, and forget by the clock.
    """

    def __init__(self) -> None:
        """Start with every project in its first epoch."""
        self._numbers: dict[int, int] = {}

    def find(self, project_id: int) -> int:
        """The present one."""
        return self._numbers.get(project_id, 0)

    def end(self, project_id: int) -> None:
        """Begin another one; after the commit of the change."""
        self._numbers[project_id] = self.find(project_id) + 1


@dataclass(frozen=True, slots=True)
class AppContext:
    """The parts that use cases work with."""

    settings: Settings
    database: Database
    catalog: Catalog
    vault: Vault
    bell: Bell = field(default_factory=SilentBell)
    epochs: Epochs = field(default_factory=Epochs)

    def close(self) -> None:
        """Give back the database connections."""
        self.database.close()


def open_context(settings: Settings | None = None, **overrides: Any) -> AppContext:
    """Load the settings, the providers and the database.

    SQLite is brought to the present schema; a shared database has to be there already,
    since migrating it is the operator's decision.

    Raises:
        ConfigurationError: a setting is wrong, or the database is at another schema.
    """
    chosen = settings or load_settings(**overrides)
    database = Database(chosen.effective_database_url)
    try:
        if database.is_sqlite:
            schema.upgrade(database)
        schema.ensure_current(database)
        catalog = load_providers(chosen)
        return AppContext(chosen, database, catalog, load_vault(chosen))
    except BaseException:
        database.close()
        raise


def load_providers(settings: Settings) -> Catalog:
    """The catalog of installed plug-ins, as the operator allows them.

    Raises:
        ConfigurationError: with `strict_plugins`, one of them could not be loaded.
    """
    catalog = load_catalog(
        environment=read_environment(settings),
        choice=Choice(
            frozenset(settings.providers_allow), frozenset(settings.providers_block)
        ),
        egress=build_egress_policy(settings),
        meter=ProviderCalls(),
    )
    bad = [e for e in catalog.entries if e.status not in {"loaded", "disabled"}]
    if settings.strict_plugins and bad:
        names = ", ".join(f"{entry.name} ({entry.reason})" for entry in bad)
        raise ConfigurationError(
            f"Plug-ins that cannot be used: {names}.",
            field="LABELDOCK_STRICT_PLUGINS",
            remedy="Repair or block them, or unset LABELDOCK_STRICT_PLUGINS.",
        )
    return catalog


def build_egress_policy(settings: Settings) -> EgressPolicy:
    """Which hosts may be asked whose addresses people put into settings.

    Raises:
        ConfigurationError: an entry of the list is no host and no network.
    """
    return EgressPolicy(
        settings.egress_allow, permits_private=settings.permits_private_egress
    )


@contextmanager
def opened_context(settings: Settings | None = None) -> Iterator[AppContext]:
    """A context for the length of a block."""
    app = open_context(settings)
    try:
        yield app
    finally:
        app.close()

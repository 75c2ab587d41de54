"""Tokens, the audit log and lost secrets, in a terminal."""

from __future__ import annotations

from contextlib import closing

import pytest

from labeldock.db.engine import Database
from labeldock.db.secrets import Vault
from labeldock.db.tables import Project, Storage, StorageSecret
from tests.system.terminal import Terminal

FIRST, SECOND = "first-" * 5, "second-" * 5


@pytest.fixture
def terminal(home, folder):
    return Terminal(home, folder)


def test_a_token_is_made_listed_used_for_nothing_more_and_revoked(terminal, owner):
    words = ["--email", owner.email, "--scope", "read", "--days", "7"]
    text = terminal.run("token", "create", *words, "--title", "nightly").stdout.strip()
    listed = terminal.ask("user", "token", "list", "--email", owner.email)[0]
    terminal.run("token", "revoke", "--id", listed["id"])
    shown = terminal.run("token", "list", "--email", owner.email).stdout
    entries = terminal.ask("audit", "list", "--action", "token.")

    assert text not in shown
    assert (listed["title"], listed["scopes"]) == ("nightly", ["read"])
    assert listed["hint"] == text[:4]
    assert "revoked" in shown
    assert [(e["action"], e["channel"]) for e in entries] == [
        ("token.revoke", "terminal"), ("token.create", "terminal"),
    ]  # fmt: skip


def test_storages_whose_secrets_are_lost_are_named(terminal, home):
    save_secret(home, FIRST)

    lost = terminal.run("secrets", "lost", code=1, LABELDOCK_SECRET_KEY=SECOND)

    assert "storage" in lost.stdout
    assert "aws_secret_access_key" in lost.stdout


def save_secret(home, key):
    """A storage with a secret that was encrypted with a key."""
    field = "aws_secret_access_key"
    with (
        closing(Database(f"sqlite:///{home / 'labeldock.sqlite3'}")) as database,
        database.write() as session,
    ):
        project = Project(organization_id=1, title="With a secret")
        session.add(project)
        session.flush()
        storage = Storage(project_id=project.id, purpose="import", provider="x")
        session.add(storage)
        session.flush()
        sealed = Vault([key]).encrypt(
            "geheim-geheim", storage_id=storage.id, field=field
        )
        values = {"key_id": sealed.key_id, "ciphertext": sealed.ciphertext}
        session.add(StorageSecret(storage_id=storage.id, field=field, **values))

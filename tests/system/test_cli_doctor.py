"""`labeldock doctor` says what is wrong and what to do, and changes nothing."""

from __future__ import annotations

import json
import re
from contextlib import closing

import pytest

from labeldock.db.engine import Database
from labeldock.db.secrets import KEY_FILE, Vault
from labeldock.db.tables import Project, Storage, StorageSecret
from tests.servers.process import free_port
from tests.system.terminal import Terminal, fetch, read_address, stop


@pytest.fixture
def terminal(home, folder):
    return Terminal(home, folder)


def levels(findings):
    return {finding["check"]: finding["level"] for finding in findings}


def test_a_sound_installation_passes(terminal, folder):
    findings = terminal.ask("doctor")

    found = levels(findings)
    assert found["plug-in local"] == found["schema"] == found["users"] == "ok"
    assert found["clock"] == found["broker"] == found["secret key"] == "ok"
    assert str(folder) in [finding["message"] for finding in findings]
    assert "fail" not in found.values()


def test_nothing_is_made_by_looking(tmp_path):
    home = tmp_path / "home"

    printed = Terminal(home).run("doctor").stdout

    assert "ok    database: SQLite; will be made at first use" in printed
    assert "warn  local roots: No folder may be connected." in printed
    assert not home.exists()


def test_what_cannot_be_reached_fails_with_a_remedy(terminal):
    broker = f"redis://:geheim@127.0.0.1:{free_port()}/0"
    database = f"postgresql://me:geheim@127.0.0.1:{free_port()}/labels"
    places = {"LABELDOCK_BROKER_URL": broker, "LABELDOCK_DATABASE_URL": database}

    findings = terminal.ask("doctor", code=1, **places)

    failed = {f["check"]: f["remedy"] for f in findings if f["level"] == "fail"}
    assert set(failed) == {"broker", "database", "secret key"}
    assert "LABELDOCK_DATABASE_URL" in failed["database"]
    assert "LABELDOCK_BROKER_URL" in failed["broker"]
    assert "secrets.token_urlsafe" in failed["secret key"]
    assert "geheim" not in str(findings)


def test_an_old_schema_of_a_shared_database_fails(terminal, postgres_url):
    shared = {"LABELDOCK_DATABASE_URL": postgres_url, "LABELDOCK_SECRET_KEY": "k" * 32}

    before = terminal.ask("doctor", code=1, **shared)
    terminal.run("migrate", **shared)
    after = terminal.ask("doctor", **shared)

    assert levels(before)["schema"] == "fail"
    assert levels(after)["schema"] == "ok"
    assert levels(after)["users"] == "warn"


def test_a_setting_that_is_wrong_ends_the_report(terminal):
    printed = terminal.run("doctor", code=1, LABELDOCK_WORKER_THREADS="0").stdout

    assert printed.startswith("fail  settings: LABELDOCK_WORKER_THREADS")


def test_a_home_that_is_a_file_or_open_to_others_is_found(terminal, tmp_path):
    (terminal.home / "secret.key").chmod(0o644)
    (tmp_path / "file").touch()

    open_key = terminal.run("doctor").stdout
    all_of_it = terminal.run("doctor", code=1, LABELDOCK_LOCAL_ROOTS=str(tmp_path))
    no_home = terminal.run("doctor", code=1, LABELDOCK_HOME=str(tmp_path / "file"))

    assert "warn  secret key: " in open_key
    assert "chmod 600" in open_key
    assert "fail  home: " in no_home.stdout
    assert "contains LABELDOCK_HOME" in all_of_it.stdout


def test_secrets_that_no_key_opens_are_found(home, folder):
    terminal = Terminal(home, folder)
    first, second = "first-" * 5, "second-" * 5
    save_secret(home, first)

    alone = terminal.ask("doctor", LABELDOCK_SECRET_KEY=first)
    rotated = terminal.ask("doctor", LABELDOCK_SECRET_KEY=f"{second},{first}")
    lost = terminal.ask("doctor", code=1, LABELDOCK_SECRET_KEY=second)

    found = {f["check"]: f for f in rotated}["stored secrets"]
    assert "labeldock secrets rotate" in found["remedy"]
    assert levels(alone)["stored secrets"] == "ok"
    assert levels(rotated)["stored secrets"] == "warn"
    assert [f for f in lost if f["level"] == "fail"] == [
        {
            "check": "stored secrets",
            "level": "fail",
            "message": "1 of 1 cannot be read with the present keys: "
            "storage 1 (token).",
            "remedy": "Add the earlier key to LABELDOCK_SECRET_KEY, after a comma, or "
            "enter them again.",
        }
    ]


def test_secrets_are_encrypted_again_at_the_terminal(home, folder):
    terminal = Terminal(home, folder)
    first, second = "first-" * 5, "second-" * 5
    save_secret(home, first)

    lost = terminal.run("secrets", "rotate", code=1, LABELDOCK_SECRET_KEY=second)
    said = terminal.run("secrets", "rotate", LABELDOCK_SECRET_KEY=f"{second},{first}")
    again = terminal.ask("secrets", "rotate", LABELDOCK_SECRET_KEY=second)

    assert "1 cannot be read" in lost.stderr
    assert "newest key: 1 of storages, 0 of webhooks." in said.stdout
    assert set(again.values()) == {0}
    alone = terminal.ask("doctor", LABELDOCK_SECRET_KEY=second)
    assert levels(alone)["stored secrets"] == "ok"


def test_a_key_file_that_is_gone_is_missed(home, folder):
    save_secret(home, (home / KEY_FILE).read_text().strip())
    (home / KEY_FILE).unlink()

    findings = Terminal(home, folder).ask("doctor", code=1)

    assert levels(findings)["stored secrets"] == "fail"
    assert not (home / KEY_FILE).exists()


def save_secret(home, key):
    """A storage with a secret that was encrypted with a key."""
    sealed = Vault([key]).encrypt("geheim", storage_id=1, field="token")
    url = f"sqlite:///{home / 'labeldock.sqlite3'}"
    with closing(Database(url)) as database, database.write() as session:
        project = Project(organization_id=1, title="With a secret")
        session.add(project)
        session.flush()
        storage = Storage(project_id=project.id, purpose="import", provider="x")
        session.add(storage)
        session.flush()
        values = {"key_id": sealed.key_id, "ciphertext": sealed.ciphertext}
        secret = StorageSecret(storage_id=storage.id, field="token", **values)
        session.add(secret)


def test_the_broker_tells_its_version_and_workers_are_missed(terminal, redis_url):
    findings = terminal.ask("doctor", LABELDOCK_BROKER_URL=redis_url)

    found = {finding["check"]: finding for finding in findings}
    assert re.match(r"Redis \d+\.\d+\S*, reachable", found["broker"]["message"])
    assert found["workers"]["level"] == "warn"
    assert found["workers"]["remedy"] == "Run: labeldock worker"


def test_the_policy_in_force_for_requests_is_told(terminal, redis_url):
    listed = {"LABELDOCK_EGRESS_ALLOW": "minio.internal,10.0.0.0/8"}
    hosted = {"LABELDOCK_BROKER_URL": redis_url}

    found = [
        {f["check"]: f for f in terminal.ask("doctor", **settings)}["egress"]
        for settings in (
            {},
            {**hosted, **listed},
            {**hosted, "LABELDOCK_EGRESS_PRIVATE": "true"},
        )
    ]

    assert [f["level"] for f in found] == ["ok", "ok", "warn"]
    assert found[0]["message"] == "to public and private addresses"
    assert found[1]["message"] == "to public addresses, and 2 listed"
    assert "LABELDOCK_EGRESS_PRIVATE" in found[2]["remedy"]


def test_an_egress_list_that_is_wrong_fails(terminal):
    findings = terminal.ask("doctor", code=1, LABELDOCK_EGRESS_ALLOW="https://x/")

    failed = [f["check"] for f in findings if f["level"] == "fail"]
    assert failed == ["egress"]


@pytest.mark.parametrize(
    ("settings", "level", "said"),
    [
        ({"ISSUER": "https://login.example"}, "fail", "CLIENT_ID is missing"),
        ({"CLIENT_ID": "here"}, "fail", "ISSUER is missing"),
        ({"ISSUER": "https://l.example", "CLIENT_ID": "h"}, "warn", "sends people"),
    ],
    ids=["no client", "no issuer", "no public address"],
)
def test_openid_settings_that_are_not_whole_are_found(terminal, settings, level, said):
    names = {f"LABELDOCK_OPENID_{name}": value for name, value in settings.items()}
    code = 1 if level == "fail" else 0

    findings = terminal.ask("doctor", code=code, **names)

    found = {f["check"]: f for f in findings}["openid"]
    assert found["level"] == level
    assert said in found["message"]


def test_the_place_of_persistent_files_is_asked(terminal, folder):
    (folder / "kept").mkdir()
    place = {"type": "local", "path": str(folder / "kept")}
    there = json.dumps(place)
    gone = json.dumps({**place, "path": str(folder / "none")})

    usual = terminal.ask("doctor")
    reached = terminal.ask("doctor", LABELDOCK_PERSISTENT_STORAGE=there)
    missed = terminal.ask("doctor", code=1, LABELDOCK_PERSISTENT_STORAGE=gone)
    broken = terminal.ask("doctor", code=1, LABELDOCK_PERSISTENT_STORAGE="{")

    found = [levels(f)["persistent storage"] for f in (usual, reached, missed, broken)]
    assert found == ["ok", "ok", "fail", "fail"]
    assert list((folder / "kept").iterdir()) == []


def test_the_web_service_is_looked_for(terminal):
    with terminal.start("serve", "--port", "0") as process:
        address = read_address(process.stderr)
        fetch(f"{address}health")
        there = terminal.ask("doctor", LABELDOCK_PUBLIC_URL=address)
        stop(process)
    gone = terminal.ask("doctor", LABELDOCK_PUBLIC_URL=address)

    assert levels(there)["web"] == "ok"
    assert levels(gone)["web"] == "warn"

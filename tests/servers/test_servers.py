"""The ground that the other tests stand on holds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from tests.servers.browser import run_browser
from tests.servers.process import ServerMissing, free_port

ROOT = Path(__file__).parents[2]

KILLED = """
import os, signal
from tests.servers.redis import run_redis
with run_redis() as url:
    print(url, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_postgres_database_is_empty_and_in_utf8(postgres_url):
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
        encoding = connection.execute("SHOW server_encoding").fetchone()

    assert (tables, encoding) == ((0,), ("UTF8",))


def test_postgres_sorts_as_people_do_unless_told_otherwise(postgres_url):
    if "LABELDOCK_TEST_POSTGRES_URL" in os.environ:
        pytest.skip("the collation of a given server is its owner's choice")
    query = "SELECT array_agg(v ORDER BY v{}) FROM (VALUES ('B'), ('a')) t (v)"

    with psycopg.connect(postgres_url) as connection:
        version = connection.info.server_version
        people = connection.execute(query.format("")).fetchone()
        bytewise = connection.execute(query.format(' COLLATE "C"')).fetchone()

    assert people == ((["a", "B"],) if version >= 150000 else bytewise)
    assert bytewise == (["B", "a"],)


@pytest.mark.parametrize("name", ["first", "second"])
def test_each_test_has_a_postgres_database_of_its_own(postgres_url, name):
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE mine (name text)")
        connection.execute("INSERT INTO mine VALUES (%s)", [name])
        assert connection.execute("SELECT name FROM mine").fetchall() == [(name,)]


@pytest.mark.parametrize("name", ["first", "second"])
def test_each_test_finds_an_empty_redis(redis_url, name):
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set(name, "here")


def test_a_database_url_is_of_each_kind(database_url, request):
    assert request.node.callspec.id in {"sqlite", "postgresql"}
    assert database_url.startswith(request.node.callspec.id + "://")


@pytest.mark.skipif(
    "LABELDOCK_TEST_REDIS_URL" in os.environ, reason="the server is somebody else's"
)
def test_a_server_ends_when_the_tests_are_killed(redis_server):
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("LABELDOCK_")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == -signal.SIGKILL, done.stderr
    assert _is_gone(done.stdout.strip())


def _is_gone(url: str) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with redis.Redis.from_url(url) as client:
                client.ping()
        except redis.ConnectionError:
            return True
        time.sleep(0.05)
    return False


def test_a_missing_server_names_the_command_that_installs_it():
    error = ServerMissing("PostgreSQL", "postgresql")

    assert "sudo apt-get install postgresql" in str(error)


@pytest.mark.parametrize(
    ("family", "host"),
    [
        (socket.AF_INET, "192.0.2.1"),
        (socket.AF_INET, "labels.example.org"),
        (socket.AF_INET6, "2001:db8::1"),
        (socket.AF_INET6, "::ffff:192.0.2.1"),
    ],
)
@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_no_test_reaches_beyond_this_machine(family, host, method):
    with (
        socket.socket(family) as client,
        pytest.raises(pytest.fail.Exception, match="this machine only"),
    ):
        getattr(client, method)((host, 80))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_open(host):
    with socket.create_server(("127.0.0.1", free_port())) as server:
        port = server.getsockname()[1]
        socket.create_connection((host, port)).close()


def test_unix_sockets_are_open(tmp_path):
    address = os.path.relpath(tmp_path / "socket")  # the limit is 107 bytes
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as one:
        server.bind(address)
        server.listen()
        one.connect(address)


def test_settings_of_the_developer_do_not_reach_the_tests():
    code = "import os, tests.conftest; print(*sorted(os.environ), sep='\\n')"
    names = ("AWS_PROFILE", "LABELDOCK_HOME", "LABELDOCK_TEST_KEPT", "STORAGE_LIMIT")

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(names, "1")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(names) & set(done.stdout.split()) == {"LABELDOCK_TEST_KEPT"}


def test_without_a_browser_it_is_said_how_to_have_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))

    with (
        pytest.raises(ServerMissing, match="apt-get install chromium"),
        run_browser(),
    ):
        pytest.fail("there is none")

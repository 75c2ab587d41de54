"""What the page about hosting says of proxies and backups is done for real."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from labeldock.jobs.actors import QUEUES
from labeldock.settings import PREFIX, Settings
from tests.docs.blocks import DOCS, list_blocks, list_steps
from tests.docs.conftest import KEYS
from tests.servers.certificates import build_certificate
from tests.servers.postgres import fresh_database
from tests.servers.process import free_port

PAGE = DOCS / "how-to" / "host-a-service.md"
MASTER_KEY = "k" * 43
SIZES = re.compile(r"^\| (\d+) million \| (\S+)[^|]*\| (\S+) GB", re.MULTILINE)
MEASURED = re.compile(r"^\| (\w+) \| \d+ \| \d+ \| (\d+) \|", re.MULTILINE)


def find_block(language):
    (block,) = (b for b in list_blocks(PAGE) if b.language == language)
    return block


def find_step(beginning):
    (step,) = (s for s in list_steps(list_blocks(PAGE)) if beginning in s.command)
    return step


# Proxies


@pytest.fixture
def service(programs, tmp_path):
    """A service on a port of its own, started as the page says."""
    port = free_port()
    with run(
        [programs / "labeldock", "serve", "--port", port],
        LABELDOCK_HOME=tmp_path / "home",
        LABELDOCK_PUBLIC_URL="https://localhost",
    ):
        wait_for(f"http://127.0.0.1:{port}/ready")
        yield str(port)


@contextlib.contextmanager
def run(command, **variables):
    values = {name: str(value) for name, value in variables.items()}
    process = subprocess.Popen(
        [str(word) for word in command],
        env={**os.environ, **values},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url, context=None):
    end = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, context=context) as answer:
                return answer.status
        except OSError:
            assert time.monotonic() < end, url
            time.sleep(0.05)


def find_program(name, package):
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if program is None:
        pytest.skip(f"{name} is not installed: sudo apt-get install {package}")
    return program


def start_nginx(folder, certificate, upstream, port):
    program = find_program("nginx", "nginx-light")
    block = find_block("nginx").text.replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
    block = block.replace("listen 443", f"listen 127.0.0.1:{port}")
    block = re.sub(r"(ssl_certificate) .*;", rf"\1 {certificate.path};", block)
    block = re.sub(r"(certificate_key) .*;", rf"\1 {certificate.key_path};", block)
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{name}_temp_path {folder}/{name};\n" for name in places)
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors;\n"
        f"events {{}}\nhttp {{ access_log off;\n{paths}{block}}}\n"
    )
    checked = subprocess.run(
        [program, "-t", "-c", config], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    return run([program, "-c", config])


def start_caddy(folder, certificate, upstream, port):
    program = find_program("caddy", "caddy")
    block = find_block("caddyfile").text.replace(
        "127.0.0.1:8080", f"127.0.0.1:{upstream}"
    )
    keys = f"tls {certificate.path} {certificate.key_path}\n"
    block = block.replace(
        "labels.example.org {", f"https://localhost:{port} {{\n    {keys}"
    )
    options = "{\n    admin off\n    auto_https disable_redirects\n}\n"
    (folder / "Caddyfile").write_text(options + block)
    return run(
        [program, "run", "--config", folder / "Caddyfile"],
        HOME=folder,
        XDG_DATA_HOME=folder,
    )


@pytest.mark.full
@pytest.mark.parametrize("start", [start_nginx, start_caddy])
def test_the_service_is_reached_through_a_proxy(service, tmp_path, start):
    folder = tmp_path / "proxy"
    folder.mkdir()
    folder.chmod(0o755)
    certificate, port = build_certificate(folder), free_port()
    context = ssl.create_default_context(cadata=certificate.authority)
    address = f"https://localhost:{port}"

    def ask(path, body=None):
        request = urllib.request.Request(
            address + path, body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, context=context) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers

    with start(folder, certificate, service, port):
        assert wait_for(f"{address}/ready", context) == 200
        assert ask("/metrics")[0] == 403
        status, _ = ask("/api/projects/", b"[" + b"1," * 2**20 + b"1]")
        assert status == 401  # of the service: the proxy let two megabytes through
        _, headers = ask("/user/login/")
        assert "Strict-Transport-Security" in headers


# Backups


@pytest.mark.full
def test_an_installation_is_restored_from_its_backup(
    shell, s3_server, postgres_server, tmp_path
):
    keys = " ".join(f"--set {name}={value}" for name, value in KEYS.items())
    before = f"""
labeldock migrate
labeldock user create --admin --email me@example.org --password a-long-password
labeldock project create --title Birds
labeldock storage add s3 --project 1 --blob --bucket birds --prefix pictures \
    --set s3_endpoint={s3_server} {keys}
labeldock storage sync 1
labeldock backup 1 --lightweight
"""
    after = f"""
labeldock secrets lost
labeldock storage sync 1
find {tmp_path}/new/files -type f | grep -q .
"""
    with fresh_database(postgres_server) as old, fresh_database(postgres_server) as new:
        steps = [find_step("pg_dump"), find_step("pg_restore")]
        shown = shell(
            [steps[0], steps[1]._replace(command=steps[1].command + after)],
            prelude=before,
            LABELDOCK_DATABASE_URL=old,
            NEW_DATABASE_URL=new,
            LABELDOCK_HOME=str(tmp_path / "old"),
            NEW_HOME=str(tmp_path / "new"),
            LABELDOCK_SECRET_KEY=MASTER_KEY,
        )

    assert "completed: 2 seen, 2 existed" in shown[1]


# What it names


def test_the_queues_of_the_page_are_all_there_are():
    named = re.findall(r"--queues (\S+)", find_step("--queues").command)
    table = PAGE.read_text().partition("| queue |")[2].partition("\n\n")[0]
    told = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]*", table, re.MULTILINE)))

    assert sorted(",".join(named).split(",")) == sorted(QUEUES) == sorted(told)


def test_every_variable_of_the_page_is_a_setting():
    named = set(re.findall(r"LABELDOCK_(\w+)", PAGE.read_text()))

    assert named <= {name.upper() for name in Settings.model_fields}, PREFIX


def test_the_sizes_are_computed_from_the_measured_bytes():
    text = PAGE.read_text()
    rows = SIZES.findall(text)
    bytes_of = dict(MEASURED.findall(text))

    assert len(rows) == 3
    for millions, sqlite, postgres in rows:
        expected = int(millions) * int(bytes_of["PostgreSQL"]) / 1000
        assert float(postgres) == pytest.approx(expected, rel=0.06)
        if sqlite[0].isdigit():
            expected = int(millions) * int(bytes_of["SQLite"]) / 1000
            assert float(sqlite) == pytest.approx(expected, rel=0.07)


def test_the_program_that_measures_is_named():
    (module,) = re.findall(r"`python -m ([\w.]+)`", PAGE.read_text())

    assert (DOCS.parent / module.replace(".", "/")).with_suffix(".py").exists()

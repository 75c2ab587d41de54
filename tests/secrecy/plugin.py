"""Puts the watch into a test session: where secrets go in, and where things come out.

At the end it prints how much was looked at. A secret that came out fails the session.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette

from labeldock.db.engine import Database
from labeldock.db.secrets import Vault
from tests.secrecy.watch import Answer, Leak, Watch

_OUTPUT = "secrecy"
_LOGS = ("*.log", "log", "*.zip")
_FOLDERS = 500
_SETTINGS = ("LABELDOCK_SECRET_KEY", "LABELDOCK_PASSWORD")
# A key's name is part of every signed URL, and so is an account's.
_SHOWN_FIELDS = ("key_id", "account_name", "client_email")


def _iterate_logs(folder: Path) -> Iterator[Path]:
    """Logs and archives below a folder; names that no system takes are passed over."""
    for number, (place, _, names) in enumerate(os.walk(folder)):
        if number >= _FOLDERS:
            return  # a tree that a test has made to be listed
        yield from (
            Path(place, name)
            for name in names
            if any(fnmatch(name, pattern) for pattern in _LOGS)
        )


class SecrecyPlugin:
    """One per process of the session; the first one adds up what all of them saw."""

    def __init__(self, config: pytest.Config) -> None:
        self.watch = Watch()
        self._config = config
        self._total: Counter[str] = Counter()
        self._leaks: list[Leak] = []
        self._seconds = 0.0
        self._patch = pytest.MonkeyPatch()
        self._learn_secrets()
        self._watch_answers()
        self._watch_processes()

    # Where secrets go in

    def _learn_secrets(self) -> None:
        watch = self.watch
        seal, make, hash_ = Vault.seal, Vault.__init__, PasswordHasher.hash

        @wraps(seal)
        def learning_seal(self: Vault, value: str, *, owner: str) -> Any:
            if not owner.endswith(_SHOWN_FIELDS):
                is_storage = owner.startswith("storage:")
                learn = watch.learn if is_storage else watch.learn_shown_once
                learn(value, f"secret of {owner}")
            return seal(self, value, owner=owner)

        @wraps(make)
        def learning_init(self: Vault, keys: Any) -> None:
            for key in keys:
                watch.learn(key, "master key")
            make(self, keys)

        @wraps(hash_)
        def learning_hash(self: Any, password: Any, **options: Any) -> str:
            watch.learn(str(password), "password")
            return hash_(self, password, **options)

        connect = Database.__init__

        @wraps(connect)
        def learning_connect(self: Database, url: str, *args: Any, **more: Any) -> None:
            watch.learn(urlsplit(url).password or "", "password of a database")
            connect(self, url, *args, **more)

        self._patch.setattr(Database, "__init__", learning_connect)
        self._patch.setattr(Vault, "seal", learning_seal)
        self._patch.setattr(Vault, "__init__", learning_init)
        self._patch.setattr(PasswordHasher, "hash", learning_hash)

    # Where things come out

    def _watch_answers(self) -> None:
        watch, call = self.watch, Starlette.__call__

        @wraps(call)
        async def watched(self: Any, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await call(self, scope, receive, send)
                return
            answer = Answer(watch, f"the answer to {scope['method']} {scope['path']}")
            _learn_credentials(watch, scope)

            async def looking(message: Any) -> None:
                kind = message["type"]
                if kind == "http.response.start":
                    answer.start(message)
                elif kind == "http.response.body":
                    answer.take(message)
                await send(message)

            await call(self, scope, receive, looking)

        self._patch.setattr(Starlette, "__call__", watched)

    def _watch_processes(self) -> None:
        watch, communicate = self.watch, subprocess.Popen.communicate
        start = subprocess.Popen.__init__

        @wraps(communicate)
        def watched(self: Any, *args: Any, **options: Any) -> Any:
            written = communicate(self, *args, **options)
            for stream in written:
                text = stream.decode(errors="replace") if _is_bytes(stream) else stream
                watch.look_in_log("the output of a process", text or "")
            return written

        @wraps(start)
        def learning(self: Any, *args: Any, **options: Any) -> None:
            environment = options.get("env") or {}
            for name in _SETTINGS:
                for value in str(environment.get(name, "")).split(","):
                    watch.learn(value.strip(), f"{name} of a process")
            start(self, *args, **options)

        self._patch.setattr(subprocess.Popen, "communicate", watched)
        self._patch.setattr(subprocess.Popen, "__init__", learning)

    # Hooks

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say which test it is that leaks are found in."""
        self.watch.test = nodeid

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        """Look into what a test printed and logged, and into the logs it left."""
        outcome = yield
        report = outcome.get_result()
        began = time.perf_counter()
        for name, text in report.sections:
            if name.endswith(report.when):
                self.watch.look_in_log(name.lower(), text)
        if report.when == "teardown":
            self._look_at_files(item)
        self._seconds += time.perf_counter() - began

    def _look_at_files(self, item: pytest.Item) -> None:
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        if not isinstance(folder, Path) or not folder.exists():
            return
        for path in _iterate_logs(folder):
            try:
                self._look_at_file(path)
            except OSError:  # tests make files that nobody can read, and take them away
                self.watch.counts["unreadable files"] += 1

    def _look_at_file(self, path: Path) -> None:
        if not path.is_file() or path.stat().st_size >= 16 << 20:
            return
        if path.suffix == ".zip":
            self.watch.look_in_archive(path.name, path)
        else:
            self.watch.look_in_log(path.name, path.read_text(errors="replace"))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand on what was seen; the first process fails the session for leaks."""
        self._patch.undo()
        seen = {
            "counts": {**self.watch.counts, "milliseconds": int(self._seconds * 1000)},
            "leaks": [vars(leak) for leak in self.watch.leaks],
        }
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = seen
            return
        self._add(seen)
        if self._leaks:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what another process saw."""
        self._add(getattr(node, "workeroutput", {}).get(_OUTPUT, {}))

    def _add(self, seen: dict[str, Any]) -> None:
        self._total.update(seen.get("counts", {}))
        self._leaks += [Leak(**leak) for leak in seen.get("leaks", ())]

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Print how much was looked at, and every leak."""
        if not self._total["secrets"] and not self._leaks:
            return
        terminalreporter.section("planted secrets")
        told = ", ".join(f"{n} {what}" for what, n in sorted(self._total.items()))
        terminalreporter.write_line(f"looked through: {told}")
        for leak in self._leaks:
            terminalreporter.write_line(f"LEAK  {leak.describe()}", red=True)
            terminalreporter.stats.setdefault("error", []).append(_report(leak))
        if not self._leaks:
            terminalreporter.write_line("none of them came out")


def _report(leak: Leak) -> pytest.TestReport:
    """An error of the test, for the summary and the closing line."""
    return pytest.TestReport(
        nodeid=leak.test,
        location=(leak.test.partition("::")[0], None, leak.test),
        keywords={},
        outcome="failed",
        longrepr=f"leaked: {leak.describe()}",
        when="teardown",
    )


def _is_bytes(stream: Any) -> bool:
    return isinstance(stream, bytes)


def _learn_credentials(watch: Watch, scope: Any) -> None:
    for name, value in scope["headers"]:
        if name in {b"authorization", b"x-api-key"}:
            token = value.decode("latin-1").rpartition(" ")[2]
            if len(token) >= 40:
                watch.learn_shown_once(token, "token of a request")

"""Life: threads, processes, and what happens before the first operation."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from labeldock.contract import ListQuery
from labeldock.testing.bench import Bench, Workplace
from labeldock.testing.rig import NotApplicable
from labeldock.testing.scenarios import scenario
from labeldock.testing.suites.suite import Suite

THREADS = 16
CHILD_SECONDS = 60

PROBE = """
import json, sys
from importlib import import_module

import labeldock.contract

WAYS_OUT = {
    "socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen",
    "os.system", "os.posix_spawn", "os.fork", "os.mkdir", "os.remove",
}
tried = []
before = set(sys.modules)

def watch(event, arguments):
    if event in WAYS_OUT:
        tried.append(event)

sys.addaudithook(watch)
name, kind = sys.argv[1:]
try:
    module = import_module(name)
except ModuleNotFoundError as error:
    if error.name != name.split(".")[0]:
        raise
    sys.exit(3)
getattr(module, kind)().describe()
brought = {each.split(".")[0] for each in set(sys.modules) - before}
own = {name.split(".")[0], "labeldock"}
foreign = sorted(brought - own - sys.stdlib_module_names)
print(json.dumps({"tried": sorted(set(tried)), "foreign": foreign}))
"""


class LifeSuite(Suite):
    """A provider is quick to load, and used from many threads at once."""

    @scenario("E6")
    def test_e6_threads(self, bench: Bench) -> None:
        """Sixteen threads list, read, save and delete at once, each undisturbed."""

        def work(number: int) -> None:
            key, data = f"{number}/own.txt", b"%d" % number
            for _ in range(3):
                bench.save(key, data)
                assert bench.read(key) == data
                assert bench.list_keys(ListQuery(f"{number}/")) == [key]
                assert bench.delete(key).existed

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, range(THREADS)))

        assert bench.list_keys() == []

    @scenario("E7")
    def test_e7_fork(self, bench: Bench) -> None:
        """A process forked off after first use can go on using the provider."""
        if not hasattr(os, "fork"):
            raise NotApplicable("this system cannot fork")
        bench.put("a.txt")
        assert bench.list_keys() == ["a.txt"]
        assert bench.read("a.txt") == b"0123456789"

        told = _ask_child(lambda: (bench.list_keys(), bench.read("a.txt").decode()))

        assert told == [["a.txt"], "0123456789"]
        assert bench.read("a.txt") == b"0123456789"

    @scenario("E8")
    def test_e8_no_io(self, workplace: Workplace) -> None:
        """Importing the provider and asking what it is does no input or output."""
        assert _load_apart(workplace)["tried"] == []

    @scenario("E9")
    def test_e9_no_sdk(self, workplace: Workplace) -> None:
        """Importing the provider imports no SDK."""
        assert _load_apart(workplace)["foreign"] == []

    @scenario("E22")
    def test_e22_same_description(self, workplace: Workplace) -> None:
        """Every provider object describes itself in the same way, on every call."""
        one, other = (workplace.rig.build_provider() for _ in range(2))

        assert one.describe() == one.describe() == other.describe()
        assert one.describe() == workplace.provider.info

    @scenario("E23")
    def test_e23_uri(self, bench: Bench) -> None:
        """The URI of an object begins with a scheme of the provider."""
        for ref in bench.refs.values():
            scheme, separator, _ = ref.options.base_uri().partition("://")
            assert separator
            assert scheme in bench.info.schemes


def _load_apart(workplace: Workplace) -> dict[str, list[str]]:
    """Load the provider's module in an interpreter of its own; what that did."""
    kind = type(workplace.rig.build_provider())
    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", PROBE, kind.__module__, kind.__qualname__],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
        timeout=CHILD_SECONDS,
    )
    if done.returncode == 3:
        raise NotApplicable(f"{kind.__module__} cannot be imported by its name")
    assert done.returncode == 0, done.stderr
    told: dict[str, list[str]] = json.loads(done.stdout)
    return told


def _ask_child(question: Callable[[], object]) -> object:
    """What a forked child answers, within a minute."""
    receiving, sending = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about forking threads
        child = os.fork()
    if child == 0:
        _answer(question, sending)
    os.close(sending)
    try:
        return json.loads(_receive(receiving) or "null")
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(receiving)


def _answer(question: Callable[[], object], sending: int) -> None:
    """In the child: answer and be gone, whatever happens, past all clean-up."""
    try:
        os.write(sending, json.dumps(question()).encode())
    finally:
        os._exit(0)


def _receive(receiving: int) -> bytes:
    data = b""
    while select.select([receiving], [], [], CHILD_SECONDS)[0]:
        block = os.read(receiving, 65536)
        if not block:
            break
        data += block
    return data

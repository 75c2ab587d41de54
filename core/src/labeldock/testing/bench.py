"""The bench: what a scenario works with, an empty container and ways to disturb it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from secrets import token_bytes
from typing import Final

from labeldock.contract import Capabilities, ProviderInfo, Purpose, Signing
from labeldock.host import BoundProvider, build_storage_ref, validate_options
from labeldock.testing.connection import Connection
from labeldock.testing.plugins import build_catalog
from labeldock.testing.proxy import FaultProxy
from labeldock.testing.rig import Container, NotApplicable, Options, ProviderRig
from labeldock.testing.watch import Watch

FINGERPRINT_KEY: Final = token_bytes(32)
DATA: Final = b"0123456789"
TEXT: Final = "text/plain"

Situation = Callable[[Container, Purpose], Options]


class Workplace:
    """A provider and its rig, bound once for all scenarios of a suite class."""

    def __init__(self, rig: ProviderRig) -> None:
        self.rig = rig
        self.watch = Watch()
        provider = rig.build_provider()
        catalog = build_catalog(
            provider,
            plugins={"watch": self.watch},
            environment=rig.build_environment(),
        )
        self.provider = catalog.provider(provider.describe().name)

    def check(self) -> None:
        """Fail if the provider broke the contract where the scenario did not look."""
        self.watch.check()

    @contextmanager
    def hold_bench(self, note: Callable[[str], None]) -> Iterator[Bench]:
        """A bench for one scenario, cleared away at the end."""
        self.watch.begin(self.rig.secrets)
        with self.rig.hold_scenario(), self.open_bench(note) as bench:
            yield bench

    @contextmanager
    def open_bench(self, note: Callable[[str], None]) -> Iterator[Bench]:
        """A bench on a new container, which is removed at the end."""
        container = self.rig.create_container()
        try:
            yield Bench(self, container, note)
        finally:
            self.rig.remove_container(container)


class Bench(Connection):
    """The storage of a scenario, connected with every permission, and more beside it.

    Attributes:
        rig: the author's rig.
        container: the container, empty at first.
        watch: what the provider raised so far.
        note: adds a line to the scenario's cell in the support table.
    """

    def __init__(
        self, workplace: Workplace, container: Container, note: Callable[[str], None]
    ) -> None:
        main = connect(workplace.provider, container, workplace.rig.build_options)
        super().__init__(main.provider, main.refs, main.prefix)
        self.rig = workplace.rig
        self.watch = workplace.watch
        self.container = container
        self.note = note
        self._workplace = workplace

    # Around the provider

    def put(self, key: str, data: bytes = DATA, content_type: str = TEXT) -> None:
        """Put an object behind the provider's back."""
        whole = self.prefix + key
        self.rig.put_object(self.container, whole, data, content_type)

    def put_all(self, keys: Iterable[str]) -> None:
        """Put many objects behind the provider's back."""
        self.rig.put_objects(self.container, [self.prefix + key for key in keys])

    def peek(self, key: str) -> bytes | None:
        """The bytes that are really there."""
        return self.rig.read_object(self.container, self.prefix + key)

    def remove(self, key: str) -> None:
        """Remove an object behind the provider's back."""
        self.rig.remove_object(self.container, self.prefix + key)

    # In other situations

    def connect(self, situation: Situation) -> Connection:
        """The same container, connected with other settings."""
        return connect(self.provider, self.container, situation)

    def open_another(self) -> AbstractContextManager[Bench]:
        """A bench on another container, which is empty."""
        return self._workplace.open_bench(self.note)

    def move_to(self, workplace: Workplace) -> Connection:
        """The same container, connected by another provider object."""
        return connect(workplace.provider, self.container, self.rig.build_options)

    @contextmanager
    def open_proxy(self) -> Iterator[tuple[FaultProxy, Connection]]:
        """A proxy in front of the server, and the container connected through it."""
        with FaultProxy(self.rig.upstream) as proxy:
            yield proxy, self.connect_to(proxy.url)

    def connect_to(self, url: str) -> Connection:
        """The container connected through a proxy at this URL."""
        rig = self.rig
        return self.connect(lambda held, purpose: rig.proxied(held, purpose, url))

    # What the provider says of itself

    @property
    def info(self) -> ProviderInfo:
        """What the provider describes."""
        return self.provider.info

    @property
    def can(self) -> Capabilities:
        """What the provider claims."""
        return self.provider.info.capabilities

    def claims(self, ability: str) -> bool:
        """Whether the provider claims a capability, or "presign"."""
        if ability == "presign":
            return self.info.signing in {Signing.LOCAL, Signing.REMOTE}
        return bool(getattr(self.can, ability))

    def keep_legal(self, keys: Iterable[str]) -> list[str]:
        """Of these keys the ones that the storage can hold, and beside one another."""
        legal = [key for key in keys if self.rig.is_legal(self.prefix + key)]
        if not self.rig.folders:
            return legal
        return [
            key
            for number, key in enumerate(legal)
            if not any(_is_in_the_way(key, other) for other in legal[:number])
        ]

    def need_legal(self, *keys: str) -> None:
        """Go on only if the storage can hold these keys, beside one another.

        Raises:
            NotApplicable: it cannot.
        """
        if self.keep_legal(keys) != list(keys):
            raise NotApplicable(f"the storage cannot hold {', '.join(map(repr, keys))}")

    def check(self) -> None:
        """Fail if the provider broke the contract where the scenario did not look."""
        self.watch.check()


def connect(
    provider: BoundProvider, container: Container, situation: Situation
) -> Connection:
    """The container, connected for both purposes with the settings of a situation."""
    refs = {
        purpose: build_storage_ref(
            provider,
            id=1,
            purpose=purpose,
            options=validate_options(
                provider, purpose, situation(container, purpose), stored=False
            ),
            key=FINGERPRINT_KEY,
        )
        for purpose in Purpose
    }
    return Connection(provider, refs, container.prefix)


def _is_in_the_way(one: str, other: str) -> bool:
    """Whether a file and a folder would need the same name."""
    return one.startswith(f"{other}/") or other.startswith(f"{one}/")

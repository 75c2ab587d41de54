"""The rigs of the conformance kit: Azurite, and a container of one's own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from labeldock.contract import Purpose
from labeldock.testing.answers import Answer
from labeldock.testing.rig import Container, NotApplicable, Options, ProviderRig
from tests.plugins.azure.places import Place
from tests.servers.azurite import KEY

CONTAINER = os.environ.get("LABELDOCK_TEST_AZURE_CONTAINER", "")
FULL = bool(os.environ.get("LABELDOCK_TEST_FULL"))
VAGUE = (
    "Azurite answers a wrong key with AuthorizationFailure, as Azure answers a "
    "firewall; Azure says AuthenticationFailed, https://github.com/Azure/Azurite/issues/2357"
)
UNLIKE = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff\\]|\.(/|$)")
BUSY = Answer(503, {"Retry-After": "1", "x-ms-error-code": "ServerBusy"})


class AzureRig(ProviderRig):
    """What Azurite and Azure have in common.

    Connected by a connection string, since the name of the account, which is a secret
    of the settings, is part of Azurite's addresses.
    """

    provider_name = "azure"
    max_page = 5000
    throttled = BUSY
    place: Place

    def build_environment(self) -> Mapping[str, str]:
        return {
            "LABELDOCK_AZURE_CONNECT_TIMEOUT": "1",
            "LABELDOCK_AZURE_READ_TIMEOUT": "2",
            "LABELDOCK_AZURE_MAX_ATTEMPTS": "2",
        }

    def create_container(self) -> Container:
        name = self.build_name()
        self.place.create_container(name)
        return Container(name)

    def build_options(self, container: Container, purpose: Purpose) -> Options:
        return self.place.build_string_options(container.name)

    def put_object(
        self, container: Container, key: str, data: bytes, content_type: str
    ) -> None:
        self.place.put(container.name, key, data, content_type)

    def put_objects(self, container: Container, keys: Iterable[str]) -> None:
        self.place.put_all(container.name, keys)

    def read_object(self, container: Container, key: str) -> bytes | None:
        return self.place.read(container.name, key)

    def remove_object(self, container: Container, key: str) -> None:
        self.place.remove(container.name, key)

    def missing_container(self, container: Container, purpose: Purpose) -> Options:
        return self.place.build_string_options(self.build_name())

    def wrong_credentials(self, container: Container, purpose: Purpose) -> Options:
        return self.place.change(key="d3Jvbmc=").build_string_options(container.name)

    def no_permission(self, container: Container, purpose: Purpose) -> Options:
        return self.place.build_sas_options(container.name, "t")

    def read_only(self, container: Container, purpose: Purpose) -> Options:
        return self.place.build_sas_options(container.name, "rl")

    @property
    def upstream(self) -> str:
        return self.place.endpoint

    def proxied(self, container: Container, purpose: Purpose, url: str) -> Options:
        return self.place.change(endpoint=url).build_string_options(container.name)

    def is_legal(self, key: str) -> bool:
        """Not what Azure would quietly take for another name."""
        return not UNLIKE.search(key) and key.count("/") < 254


class AzuriteRig(AzureRig):
    """Everything that Azurite does."""

    title = "azure (Azurite)"
    patience = 60.0  # each try has its own limit; a busy machine adds to them
    secrets = (KEY,)
    bulk = 6_001 if FULL else 5_101
    examples = 15
    known_faults: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("L21", "R17", "A19", "E11"), VAGUE
    )

    def start(self, request: Any) -> None:
        self.place = request.getfixturevalue("place")


class ContainerRig(AzureRig):
    """A container of one's own, below a prefix of the run's."""

    title = "azure (real container)"

    def start(self, request: Any) -> None:
        self.place = Place(
            os.environ.get("LABELDOCK_TEST_AZURE_ENDPOINT", ""),
            os.environ["LABELDOCK_TEST_AZURE_ACCOUNT"],
            os.environ["LABELDOCK_TEST_AZURE_KEY"],
        )

    def create_container(self) -> Container:
        return Container(CONTAINER, f"{self.build_name()}/")

    def remove_container(self, container: Container) -> None:
        for key in self.place.list(container.name, container.prefix):
            self.place.remove(container.name, key)

    @property
    def upstream(self) -> str:
        if not self.place.endpoint.startswith("http://"):
            raise NotApplicable("a proxy in front of TLS would have to be trusted")
        return self.place.endpoint

"""The rig of the local provider: folders on this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from labeldock.contract import Purpose
from labeldock.testing.rig import Container, NotApplicable, Options, ProviderRig

NOBODY = 65534
NO_SERVER = "files are read without a server"
TIDIED = {"", ".", ".."}


class LocalRig(ProviderRig):
    """Each container is a folder; what is forbidden is so by its mode."""

    provider_name = "local"
    folders = True
    stores_types = False

    def start(self, request: pytest.FixtureRequest) -> None:
        del request
        self.root = Path(tempfile.mkdtemp()).resolve()
        if os.geteuid() == 0:
            os.chown(self.root, NOBODY, NOBODY)

    def stop(self) -> None:
        shutil.rmtree(self.root)

    @contextmanager
    def hold_scenario(self) -> Iterator[None]:
        """As an ordinary user: root may do anything."""
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(user)

    def build_environment(self) -> Mapping[str, str]:
        return {"LABELDOCK_LOCAL_ROOTS": str(self.root)}

    def create_container(self) -> Container:
        name = self.build_name()
        (self.root / name).mkdir()
        return Container(name)

    def remove_container(self, container: Container) -> None:
        folder = self.root / container.name
        folder.chmod(0o700)
        shutil.rmtree(folder)

    def build_options(self, container: Container, purpose: Purpose) -> Options:
        del purpose
        return {"path": str(self.root / container.name)}

    def put_object(
        self, container: Container, key: str, data: bytes, content_type: str
    ) -> None:
        del content_type  # the file's name has to tell it
        path = self._find(container, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def read_object(self, container: Container, key: str) -> bytes | None:
        try:
            return self._find(container, key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def remove_object(self, container: Container, key: str) -> None:
        self._find(container, key).unlink()

    def missing_container(self, container: Container, purpose: Purpose) -> Options:
        del container, purpose
        return {"path": str(self.root / "none")}

    def wrong_credentials(self, container: Container, purpose: Purpose) -> Options:
        raise NotApplicable("files are read without credentials")

    def no_permission(self, container: Container, purpose: Purpose) -> Options:
        (self.root / container.name).chmod(0o000)
        return self.build_options(container, purpose)

    def read_only(self, container: Container, purpose: Purpose) -> Options:
        (self.root / container.name).chmod(0o500)
        return self.build_options(container, purpose)

    @property
    def upstream(self) -> str:
        raise NotApplicable(NO_SERVER)

    def proxied(self, container: Container, purpose: Purpose, url: str) -> Options:
        raise NotApplicable(NO_SERVER)

    def is_legal(self, key: str) -> bool:
        names = key.split("/")
        return not TIDIED.intersection(names) and all(
            len(name.encode()) <= 255 for name in names
        )

    def _find(self, container: Container, key: str) -> Path:
        return self.root / container.name / key

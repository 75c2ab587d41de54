"""The rig of the tiny object store."""

from __future__ import annotations

from contextlib import ExitStack

from labeldock.contract import ALWAYS, BytesContent, ObjectNotFound, WriteRequest
from labeldock.testing.memory_bucket import Bucket, build_object
from labeldock.testing.rig import Container, ProviderRig
from tests.core.testing.shelf.provider import ShelfProvider
from tests.core.testing.shelf.server import ShelfServer


class ShelfRig(ProviderRig):
    provider_name = "shelf"
    provider_class = ShelfProvider
    patience = 5.0
    bulk = 2_500
    examples = 10

    def start(self, request):
        self.stack = ExitStack()
        self.server = self.stack.enter_context(ShelfServer())

    def stop(self):
        self.stack.close()

    def build_provider(self):
        return self.provider_class()

    def create_container(self):
        name = self.build_name()
        self.server.rooms[name] = Bucket()
        return Container(name, "run-1/")

    def remove_container(self, container):
        del self.server.rooms[container.name]

    def build_options(self, container, purpose):
        token = "token-of-the-owner"
        return {"url": self.server.url, "room": container.name, "token": token}

    def put_object(self, container, key, data, content_type):
        request = WriteRequest(key, BytesContent(data), content_type)
        with self.server.lock:
            self._find(container).save(build_object(request), ALWAYS)

    def read_object(self, container, key):
        try:
            return self._find(container).find(key).data
        except ObjectNotFound:
            return None

    def remove_object(self, container, key):
        with self.server.lock:
            self._find(container).delete(key, ALWAYS)

    def missing_container(self, container, purpose):
        return {**self.build_options(container, purpose), "room": "none"}

    def wrong_credentials(self, container, purpose):
        return {**self.build_options(container, purpose), "token": "token-unknown"}

    def no_permission(self, container, purpose):
        return {**self.build_options(container, purpose), "token": "token-of-nobody"}

    def read_only(self, container, purpose):
        return {**self.build_options(container, purpose), "token": "token-of-a-reader"}

    @property
    def upstream(self):
        return self.server.url

    def proxied(self, container, purpose, url):
        return {**self.build_options(container, purpose), "url": url, "timeout": 0.5}

    def _find(self, container):
        return self.server.rooms[container.name]

"""The rig: buckets of the fake, or one real bucket where a variable names it.

LABELDOCK_TEST_GCS_BUCKET       a bucket to work in, below a prefix of each run
LABELDOCK_TEST_GCS_CREDENTIALS  the path of the JSON key of an account that may
LABELDOCK_TEST_GCS_ENDPOINT     where that is, if it is not Google's
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from labeldock.testing.rig import Container, NotApplicable, ProviderRig
from tests.plugins.gcs.conftest import LIVE
from tests.servers.gcs.accounts import ServiceAccount
from tests.servers.gcs.buckets import check_name
from tests.servers.gcs.messages import ApiError

ONE_ACCOUNT = "there is one account for the real bucket, which may do everything"
NO_PROXY = "Google's service is not put behind a proxy"


def find_rig():
    """The rig that the environment asks for."""
    return LiveGcsRig if LIVE in os.environ else FakeGcsRig


class GcsRig(ProviderRig):
    """What both have in common."""

    provider_name = "gcs"
    stores_types = True

    def is_legal(self, key):
        try:
            check_name(key)
        except ApiError:
            return False
        return True

    def with_document(self, container, purpose, document):
        options = dict(self.build_options(container, purpose))
        return {**options, "google_application_credentials": document}

    def missing_container(self, container, purpose):
        options = dict(self.build_options(container, purpose))
        return {**options, "bucket": self.build_name()}


class FakeGcsRig(GcsRig):
    """The served fake: docs/explanation/gcs-fake.md."""

    title = "gcs (fake)"

    def start(self, request):
        self.server = request.getfixturevalue("gcs_server")
        self.server.faults.clear()
        self.secrets = (self.server.owner.key_id,)

    def build_environment(self):
        return {
            "LABELDOCK_GCS_TOKEN_HOSTS": "127.0.0.1",
            "LABELDOCK_GCS_CONNECT_TIMEOUT": "2",
            "LABELDOCK_GCS_READ_TIMEOUT": "2",
        }

    def create_container(self):
        return Container(self.server.create_bucket(self.build_name()).name)

    def remove_container(self, container):
        self.server.remove_bucket(container.name)

    def build_options(self, container, purpose):
        return {
            "bucket": container.name,
            "google_application_credentials": self.server.build_document(),
            "gcs_endpoint": self.server.url,
        }

    def put_object(self, container, key, data, content_type):
        self.server.find_bucket(container.name).put(key, data, content_type)

    def read_object(self, container, key):
        stored = self.server.find_bucket(container.name).objects.get(key)
        return stored and stored.data

    def remove_object(self, container, key):
        self.server.find_bucket(container.name).delete(key)

    def wrong_credentials(self, container, purpose):
        document = self.server.build_document(self.server.unknown)
        return self.with_document(container, purpose, document)

    def no_permission(self, container, purpose):
        document = self.server.build_document(self.server.stranger)
        return self.with_document(container, purpose, document)

    def read_only(self, container, purpose):
        document = self.server.build_document(self.server.reader)
        return self.with_document(container, purpose, document)

    @property
    def upstream(self):
        return self.server.url

    def proxied(self, container, purpose, url):
        return {**self.build_options(container, purpose), "gcs_endpoint": url}


class LiveGcsRig(GcsRig):
    """A real bucket, by the bare SDK."""

    title = "gcs (real bucket)"
    bulk = 1_001
    examples = 5
    patience = 60.0

    def __init__(self):
        self.bucket = os.environ[LIVE]
        self.path = Path(os.environ["LABELDOCK_TEST_GCS_CREDENTIALS"])
        self.endpoint = os.environ.get("LABELDOCK_TEST_GCS_ENDPOINT") or None

    def start(self, request):
        from google.cloud.storage import Client

        self.document = self.path.read_text()
        self.client = Client.from_service_account_json(
            str(self.path), client_options={"api_endpoint": self.endpoint}
        )
        self.other = ServiceAccount("nobody-knows-it")

    def stop(self):
        self.client.close()

    def build_environment(self):
        host = urlsplit(self.endpoint or "").hostname
        return {"LABELDOCK_GCS_TOKEN_HOSTS": host} if host else {}

    def create_container(self):
        return Container(self.bucket, f"{self.build_name()}/")

    def remove_container(self, container):
        for blob in self.client.list_blobs(container.name, prefix=container.prefix):
            blob.delete()

    def build_options(self, container, purpose):
        return {
            "bucket": container.name,
            "google_application_credentials": self.document,
            "gcs_endpoint": self.endpoint,
        }

    def put_object(self, container, key, data, content_type):
        self._blob(container, key).upload_from_string(data, content_type)

    def read_object(self, container, key):
        from google.api_core.exceptions import NotFound

        try:
            return self._blob(container, key).download_as_bytes(raw_download=True)
        except NotFound:
            return None

    def remove_object(self, container, key):
        self._blob(container, key).delete()

    def wrong_credentials(self, container, purpose):
        token_uri = json.loads(self.document)["token_uri"]
        document = json.dumps(self.other.build_document(token_uri))
        return self.with_document(container, purpose, document)

    def no_permission(self, container, purpose):
        raise NotApplicable(ONE_ACCOUNT)

    def read_only(self, container, purpose):
        raise NotApplicable(ONE_ACCOUNT)

    @property
    def upstream(self):
        raise NotApplicable(NO_PROXY)

    def proxied(self, container, purpose, url):
        raise NotApplicable(NO_PROXY)

    def _blob(self, container, key):
        return self.client.bucket(container.name).blob(key)

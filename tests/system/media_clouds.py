"""The storages that media are tested on: real servers, and a folder of this machine."""

from __future__ import annotations

from secrets import token_hex

from labeldock_azure.plugin import AzureProvider
from labeldock_gcs.plugin import GcsProvider
from labeldock_local.plugin import LocalProvider
from labeldock_s3.plugin import S3Provider
from tests.plugins.azure.places import Place as AzurePlace
from tests.plugins.s3.places import Place as S3Place


class S3Cloud:
    """Swift, which checks signatures."""

    provider = "s3"

    def __init__(self, server, key_id=None, secret=None):
        key_id, secret = key_id or server.key_id, secret or server.secret
        self.place = S3Place(server.url, key_id, secret, server.region)

    def create(self):
        name = f"media-{token_hex(6)}"
        self.place.create_bucket(name)
        return name

    def put(self, bucket, key, data, kind):
        self.place.put(bucket, key, data, ContentType=kind)

    def fields(self, bucket):
        return self.place.build_options(bucket)

    def break_secrets(self):
        key_id = self.place.key_id
        return {"aws_access_key_id": key_id, "aws_secret_access_key": "wrong"}

    def uri(self, bucket, key):
        return f"s3://{bucket}/{key}"


class GcsCloud:
    """The served fake, which checks signatures too."""

    provider = "gcs"

    def __init__(self, server):
        self.server = server

    def create(self):
        return self.server.create_bucket(f"media-{token_hex(6)}").name

    def put(self, bucket, key, data, kind):
        self.server.buckets[bucket].put(key, data, kind)

    def fields(self, bucket):
        return {
            "bucket": bucket,
            "google_application_credentials": self.server.build_document(),
            "gcs_endpoint": self.server.url,
        }

    def uri(self, bucket, key):
        return f"gs://{bucket}/{key}"


class AzureCloud:
    """Azurite, which checks signatures too."""

    provider = "azure"

    def __init__(self, server):
        self.place = AzurePlace(server.url, server.account, server.key)

    def create(self):
        name = f"media-{token_hex(6)}"
        self.place.create_container(name)
        return name

    def put(self, bucket, key, data, kind):
        self.place.put(bucket, key, data, kind)

    def fields(self, bucket):
        return self.place.build_options(bucket)

    def break_secrets(self):
        return {"account_name": self.place.account, "account_key": "d3Jvbmc="}

    def uri(self, bucket, key):
        return f"azure-blob://{bucket}/{key}"


class LocalCloud:
    """A folder; what it redirects to is signed and served by the application."""

    provider = "local"

    def __init__(self, folder):
        self.folder = folder

    def create(self):
        path = self.folder / f"media-{token_hex(6)}"
        path.mkdir()
        return str(path)

    def put(self, bucket, key, data, kind):
        path = self.folder / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def fields(self, bucket):
        return {"path": bucket}

    def uri(self, bucket, key):
        return f"local://{bucket}/{key}"


def list_providers():
    return S3Provider(), GcsProvider(), AzureProvider(), LocalProvider()


def build_environment(folder):
    """The operator's settings: nobody waits long, and the fakes may be talked to."""
    return {
        "LABELDOCK_LOCAL_ROOTS": str(folder),
        "LABELDOCK_GCS_TOKEN_HOSTS": '["127.0.0.1"]',
        "LABELDOCK_GCS_READ_TIMEOUT": "5",
        "LABELDOCK_S3_READ_TIMEOUT": "5",
        "LABELDOCK_S3_MAX_ATTEMPTS": "2",
        "LABELDOCK_AZURE_READ_TIMEOUT": "5",
        "LABELDOCK_AZURE_MAX_ATTEMPTS": "2",
    }

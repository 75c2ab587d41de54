"""Providers to measure, each behind the guard, and its bare SDK beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from labeldock.contract import (
    ListQuery,
    PresignRequest,
    Purpose,
    ReadRequest,
    StorageProvider,
    StorageRef,
)
from labeldock.host import BoundProvider, build_storage_ref, validate_options
from labeldock.testing.plugins import build_catalog

BLOCK = 256 * 1024
HOUR = timedelta(hours=1)
BUCKET = "media"
KIND, DISPOSITION = "image/jpeg", 'inline; filename="1.jpg"'  # as media are signed


@dataclass(frozen=True)
class Subject:
    """One provider, connected.

    Attributes:
        title: for the report.
        bound: the provider behind the guard.
        ref: the storage.
        read_bare: reads an object with the SDK alone; how many bytes it had.
        sign_bare: signs a URL with the SDK alone.
        signs_with_rsa: whether `sign_bare` is no more than a signature with RSA.
    """

    title: str
    bound: BoundProvider
    ref: StorageRef
    read_bare: Callable[[str], int]
    sign_bare: Callable[[str], str]
    signs_with_rsa: bool = False

    def read(self, key: str) -> int:
        """Read an object; how many bytes it had."""
        body = self.bound.get_data(self.ref, ReadRequest(key))
        try:
            return sum(map(len, iter(lambda: body.reader.read(BLOCK), b"")))
        finally:
            body.reader.close()

    def sign(self, key: str) -> str:
        """Sign a URL."""
        request = PresignRequest(key, HOUR, KIND, DISPOSITION)
        return self.bound.presign(self.ref, request).url

    def list_keys(self) -> list[str]:
        """The keys of the first page."""
        page = self.bound.list_objects(self.ref, ListQuery())
        return [found.key for found in page.objects]


def connect(
    provider: StorageProvider,
    options: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
) -> tuple[BoundProvider, StorageRef]:
    """A provider behind the guard, and a storage."""
    catalog = build_catalog(provider, environment=environment)
    bound = catalog.provider(provider.describe().name)
    checked = validate_options(bound, Purpose.IMPORT, options, stored=False)
    ref = build_storage_ref(
        bound, id=1, purpose=Purpose.IMPORT, options=checked, key=b"bench"
    )
    return bound, ref


def build_s3(url: str, environment: Mapping[str, str] | None = None) -> Subject:
    """S3, and boto3."""
    import boto3
    from botocore.config import Config

    from labeldock_s3.plugin import S3Provider

    key = {"aws_access_key_id": "AKIABENCH", "aws_secret_access_key": "secret"}
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
        **key,
    )
    options = {"bucket": BUCKET, "s3_endpoint": url, **key}

    def read(name: str) -> int:
        body = client.get_object(Bucket=BUCKET, Key=name)["Body"]
        return sum(map(len, iter(lambda: body.read(BLOCK), b"")))

    def sign(name: str) -> str:
        target = {
            "Bucket": BUCKET,
            "Key": name,
            "ResponseContentType": KIND,
            "ResponseContentDisposition": DISPOSITION,
        }
        url: str = client.generate_presigned_url("get_object", Params=target)
        return url

    return Subject("S3", *connect(S3Provider(), options, environment), read, sign)


def build_azure(url: str, environment: Mapping[str, str] | None = None) -> Subject:
    """Azure, and its SDK."""
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.storage.blob import ContainerClient, generate_blob_sas

    from labeldock_azure.plugin import AzureProvider

    account, key = "labels", "a2V5"
    client = ContainerClient(
        url, BUCKET, credential=AzureNamedKeyCredential(account, key)
    )
    options = {
        "container": BUCKET,
        "azure_endpoint": url,
        "account_name": account,
        "account_key": key,
    }

    def read(name: str) -> int:
        return sum(map(len, client.download_blob(name).chunks()))

    def sign(name: str) -> str:
        return generate_blob_sas(
            account,
            BUCKET,
            name,
            account_key=key,
            permission="r",
            expiry="2100-01-01T00:00:00Z",
            content_type=KIND,
            content_disposition=DISPOSITION,
        )

    return Subject("Azure", *connect(AzureProvider(), options, environment), read, sign)


def build_gcs(url: str, environment: Mapping[str, str] | None = None) -> Subject:
    """GCS, and its SDK; signing beside a bare loop of RSA."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from google.cloud.storage import Client

    from labeldock_gcs.plugin import GcsProvider

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    document = _build_document(key, f"{url}/token")
    client = Client.from_service_account_info(
        document, client_options={"api_endpoint": url}
    )
    bucket = client.bucket(BUCKET)
    options = {
        "bucket": BUCKET,
        "google_application_credentials": json.dumps(document),
        "gcs_endpoint": url,
    }
    hosts = {"LABELDOCK_GCS_TOKEN_HOSTS": "127.0.0.1"}
    environment = {**hosts, **(environment or {})}

    def read(name: str) -> int:
        counter = Counter()
        bucket.blob(name).download_to_file(counter, raw_download=True)
        return counter.count

    def sign(name: str) -> str:
        return key.sign(name.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()

    bound, ref = connect(GcsProvider(), options, environment)
    return Subject("GCS", bound, ref, read, sign, signs_with_rsa=True)


class Counter:
    """A file that forgets what is written to it, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, block: bytes) -> int:
        self.count += len(block)
        return len(block)

    def tell(self) -> int:
        return self.count


def _build_document(key: Any, token_uri: str) -> dict[str, str]:
    """The JSON of a service account with this RSA key."""
    from cryptography.hazmat.primitives import serialization

    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "bench",
        "private_key_id": "bench",
        "private_key": pem.decode(),
        "client_email": "bench@bench.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }


SUBJECTS: tuple[Callable[..., Subject], ...] = (build_s3, build_azure, build_gcs)

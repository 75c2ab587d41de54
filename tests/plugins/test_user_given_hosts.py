"""Every setting by which somebody could choose a host, and that nothing is sent there.

One row for each: where the address stands, what it is, and how it is refused. Nothing
may be listened to that is on this machine, in its network, or of a metadata service.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from labeldock.contract import InvalidInput, LabeldockError, ListQuery, Purpose
from labeldock.host import build_storage_ref, load_catalog, validate_options
from labeldock.host.egress import EgressPolicy, EgressRefused

LIMITS = {
    f"LABELDOCK_{name}_{limit}": value
    for name in ("S3", "AZURE", "GCS")
    for limit, value in (("CONNECT_TIMEOUT", "2"), ("MAX_ATTEMPTS", "1"))
}
S3 = {"bucket": "photos", "aws_access_key_id": "k", "aws_secret_access_key": "s3cr3t"}
GCS = {"bucket": "photos"}
AZURE = {"container": "photos", "account_name": "labels", "account_key": "a2V5"}
STRING = "AccountName=labels;AccountKey=a2V5"
HERE = "http://127.0.0.1:{port}"
# A key that belongs to nobody; it only has to be one.
ACCOUNT = {
    "type": "service_account",
    "client_email": "me@project.iam.gserviceaccount.com",
    "private_key": "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n",
    "token_uri": "https://oauth2.googleapis.com/token",
}
FEDERATION = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/x",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"url": "https://sts.googleapis.com/x"},
}


def document(base, **changes):
    return {**GCS, "google_application_credentials": json.dumps({**base, **changes})}


METADATA = "http://169.254.169.254"
ROWS = {
    "s3 endpoint": ("s3", {**S3, "s3_endpoint": HERE}),
    "s3 public endpoint": ("s3", {**S3, "public_endpoint": HERE}),
    "s3 metadata": ("s3", {**S3, "s3_endpoint": METADATA}),
    "s3 sts": ("s3", {**S3, "role_arn": "arn:aws:iam::1:role/r", "sts_endpoint": HERE}),
    "s3 region": ("s3", {**S3, "region_name": "127.0.0.1:{port}/#"}),
    "s3 region with dots": ("s3", {**S3, "region_name": "x.evil.example"}),
    "s3 bucket": ("s3", {**S3, "bucket": "127.0.0.1:{port}/#"}),
    "gcs endpoint": ("gcs", {**GCS, "anonymous": True, "gcs_endpoint": HERE}),
    "gcs public": ("gcs", {**GCS, "anonymous": True, "public_endpoint": HERE}),
    "gcs token_uri": ("gcs", document(ACCOUNT, token_uri=f"{HERE}/token")),
    "gcs token_uri of others": ("gcs", document(ACCOUNT, token_uri="https://a.example")),
    "gcs universe": ("gcs", document(ACCOUNT, universe_domain="evil.example")),
    "gcs auth_uri": ("gcs", document(ACCOUNT, auth_uri=f"{HERE}/auth")),
    "gcs x509 url": ("gcs", document(ACCOUNT, client_x509_cert_url=f"{HERE}/c")),
    "gcs token_url": ("gcs", document(FEDERATION, token_url=HERE)),
    "gcs source url": ("gcs", document(FEDERATION, credential_source={"url": HERE})),
    "gcs metadata": (
        "gcs",
        document(FEDERATION, credential_source={"url": f"{METADATA}/token"}),
    ),
    "gcs impersonation": (
        "gcs",
        document(FEDERATION, service_account_impersonation_url=HERE),
    ),
    "gcs token info": ("gcs", document(FEDERATION, token_info_url=HERE)),
    "gcs file": (
        "gcs",
        document(FEDERATION, credential_source={"file": "/etc/passwd"}),
    ),
    "gcs program": (
        "gcs",
        document(FEDERATION, credential_source={"executable": {"command": "id"}}),
    ),
    "azure endpoint": ("azure", {**AZURE, "azure_endpoint": f"{HERE}/labels"}),
    "azure public": ("azure", {**AZURE, "public_endpoint": HERE}),
    "azure account": ("azure", {**AZURE, "account_name": "127.0.0.1:{port}/"}),
    "azure account of others": ("azure", {**AZURE, "account_name": "evil.example/"}),
    "azure tenant": (
        "azure",
        {
            "container": "photos", "account_name": "labels", "client_id": "c",
            "client_secret": "s", "tenant_id": "../../127.0.0.1:{port}",
        },
    ),
    **{
        f"azure string {number}": (
            "azure", {"container": "photos", "connection_string": text},
        )
        for number, text in enumerate(
            [
                f"{STRING};BlobEndpoint={HERE}/labels",
                f"{STRING};blobendpoint={HERE}/labels",
                f"{STRING};BlobEndpoint=https://a.example;BlobSecondaryEndpoint={HERE}",
                f"{STRING};EndpointSuffix=127.0.0.1:{{port}}",
                "AccountName=127.0.0.1:{port}/;AccountKey=a2V5",
                "UseDevelopmentStorage=true",
                f"SharedAccessSignature=sig=x;BlobEndpoint={HERE}",
            ]
        )
    },
}  # fmt: skip


@pytest.fixture
def listener():
    """A server on this machine that only counts who comes."""
    came = []

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self):
            came.append(self.client_address)
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    server.came = came
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def resolve(host, _port):
    """As a name server of somebody with bad intentions would."""
    numbers = host.removeprefix("labels.blob.").removeprefix("labels-secondary.blob.")
    return [numbers if numbers.replace(".", "").isdigit() else "93.184.216.34"]


def put_port(settings, port):
    return {
        name: value.replace("{port}", str(port)) if isinstance(value, str) else value
        for name, value in settings.items()
    }


@pytest.mark.parametrize("row", ROWS)
def test_nothing_is_sent_where_somebody_chose(listener, row):
    name, settings = ROWS[row]
    given = put_port(settings, listener.server_port)
    policy = EgressPolicy(resolve=resolve)
    catalog = load_catalog(environment=LIMITS, strict=True, egress=policy)
    bound = catalog.provider(name)

    def use():
        options = validate_options(bound, Purpose.IMPORT, given, stored=False)
        ref = build_storage_ref(
            bound, id=1, purpose=Purpose.IMPORT, options=options, key=b"key"
        )
        bound.list_objects(ref, ListQuery())

    with pytest.raises(LabeldockError) as refused:
        use()

    assert listener.came == []
    assert refused.value.field, "the error has to name the field"
    is_known = isinstance(refused.value, EgressRefused | InvalidInput)
    is_document = refused.value.field == "google_application_credentials"
    assert is_known or is_document, repr(refused.value)
    assert "s3cr3t" not in str(refused.value)

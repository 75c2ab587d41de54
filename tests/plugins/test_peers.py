"""A name that turns out to lead inwards when the SDK connects: nothing is sent there.

The policy's resolver says that `localhost` is a public host, as the name server of
somebody with bad intentions would, and the SDK asks the system's own.
"""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from labeldock.contract import ListQuery, Purpose, StorageError, Unavailable
from labeldock.host import build_storage_ref, load_catalog, validate_options
from labeldock.host.egress import EgressPolicy, PeerCheck

PUBLIC = "93.184.216.34"
LIMITS = {
    f"LABELDOCK_{name}_{limit}": value
    for name in ("S3", "AZURE", "GCS")
    for limit, value in (("CONNECT_TIMEOUT", "2"), ("MAX_ATTEMPTS", "1"))
}
KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "s3cr3t"}


@pytest.fixture
def listener():
    """A server that only notes what it is asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self):
            if line := self.rfile.readline():
                asked.append(line)
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    server.asked = asked
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def list_settings(port):
    """Settings of each provider that lead to this port of `localhost`."""
    url = f"http://localhost:{port}"
    account = {"account_name": "labels", "account_key": "a2V5"}
    text = f"AccountName=labels;AccountKey=a2V5;BlobEndpoint={url}/labels"
    role = {"role_arn": "arn:aws:iam::1:role/r", "sts_endpoint": url}
    return {
        "s3": ("s3", {"s3_endpoint": url, **KEYS}),
        "s3, role": ("s3", {**role, **KEYS}),
        "gcs": ("gcs", {"gcs_endpoint": url, "anonymous": True}),
        "azure": ("azure", {"azure_endpoint": f"{url}/labels", **account}),
        "azure, string": ("azure", {"connection_string": text}),
    }


def list_page(policy, kind, port):
    """List a storage behind a policy."""
    name, settings = list_settings(port)[kind]
    catalog = load_catalog(environment=LIMITS, strict=True, egress=policy)
    bound = catalog.provider(name)
    place = {"container" if name == "azure" else "bucket": "photos"}
    options = validate_options(
        bound, Purpose.IMPORT, {**settings, **place}, stored=False
    )
    ref = build_storage_ref(
        bound, id=1, purpose=Purpose.IMPORT, options=options, key=b"key"
    )
    return bound.list_objects(ref, ListQuery())


@pytest.mark.parametrize("kind", list_settings(0))
def test_a_connection_that_leads_inwards_is_closed_unused(listener, kind):
    policy = EgressPolicy(resolve=lambda host, port: [PUBLIC])

    with pytest.raises(Unavailable, match=r"server|connection") as caught:
        list_page(policy, kind, listener.server_port)

    assert listener.asked == []
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("kind", list_settings(0))
@pytest.mark.parametrize(
    "policy",
    [
        None,
        EgressPolicy(permits_private=True),
        EgressPolicy(["localhost", ".localhost"]),
        EgressPolicy(["127.0.0.0/8", "::1"]),
    ],
    ids=["none", "private", "host", "network"],
)
def test_a_connection_to_where_one_may_go_is_used(listener, policy, kind):
    with pytest.raises(StorageError):  # it gets no answer at all
        list_page(policy, kind, listener.server_port)

    assert listener.asked


def test_hosts_that_nobody_chose_are_not_looked_at():
    check = PeerCheck(EgressPolicy(), ("minio.example",))

    check("s3.amazonaws.com", "10.0.0.1")  # a private endpoint of the cloud's own
    check("evilminio.example", "10.0.0.1")
    for host in ("minio.example", "MINIO.example.", "photos.minio.example"):
        with pytest.raises(StorageError, match="private"):
            check(host, "10.0.0.1")

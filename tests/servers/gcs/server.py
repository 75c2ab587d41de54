"""The server: a thread per connection, on a free port of loopback, all in memory."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers.gcs.accounts import READING, ServiceAccount
from tests.servers.gcs.buckets import Bucket
from tests.servers.gcs.faults import Fault, Faults
from tests.servers.gcs.json_api import JsonApi
from tests.servers.gcs.messages import (
    ApiError,
    Reply,
    Request,
    render_json_error,
)
from tests.servers.gcs.tokens import ACCOUNTS, Tokens
from tests.servers.gcs.xml_api import XmlApi


class GcsServer:
    """A running fake, and the ways around its API.

    Attributes:
        url: its address.
        accounts: the service accounts that it knows, by address.
        owner: may do everything.
        reader: may list and read.
        stranger: may do nothing.
        unknown: an account that it does not know.
        requests: method and target of each request, in order.
        faults: what is to go wrong.
        tokens: the token services.
        uploads: resumable uploads.
    """

    def __init__(self):
        self.owner = ServiceAccount("owner")
        self.reader = ServiceAccount("reader", READING)
        self.stranger = ServiceAccount("stranger", frozenset())
        self.unknown = ServiceAccount("unknown")
        self.accounts = {
            account.email: account
            for account in (self.owner, self.reader, self.stranger)
        }
        self.buckets = {}
        self.requests = []
        self.faults = Faults()
        self.tokens = Tokens(self.accounts)
        self._json = JsonApi(self)
        self._xml = XmlApi(self)
        self.uploads = self._json.uploads
        self._http = _HttpServer(self)

    @property
    def url(self):
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    # Around the API

    def build_document(self, account=None, token_url=None):
        """The content of an account's JSON file, as text."""
        account = account or self.owner
        return json.dumps(account.build_document(f"{token_url or self.url}/token"))

    def add_account(self, name, permissions=frozenset(), tokens_for=()):
        account = ServiceAccount(name, frozenset(permissions), frozenset(tokens_for))
        self.accounts[account.email] = account
        return account

    def add_fault(self, **fault):
        return self.faults.add(Fault(**fault))

    def create_bucket(self, name, **settings):
        self.buckets[name] = Bucket(name, **settings)
        return self.buckets[name]

    def remove_bucket(self, name):
        self.buckets.pop(name, None)

    def find_bucket(self, name):
        bucket = self.buckets.get(name)
        if bucket is None:
            message = "The specified bucket does not exist."
            raise ApiError(404, "notFound", message, "NoSuchBucket")
        return bucket

    # Serving

    def start(self):
        threading.Thread(
            target=self._http.serve_forever, args=(0.02,), daemon=True
        ).start()

    def stop(self):
        self.faults.released.set()
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()

    def handle(self, request):
        """What a request is answered, without regard to faults."""
        if request.path == "/token" and request.method == "POST":
            return self.tokens.handle_token(request, self.url)
        if request.path == "/v1/token" and request.method == "POST":
            return self.tokens.handle_exchange(request)
        if request.is_below(ACCOUNTS):
            return self._handle_account(request)
        if self._json.handles(request):
            return self._json.handle(request)
        return self._xml.handle(request)

    def _handle_account(self, request):
        try:
            return self.tokens.handle_account(request)
        except ApiError as error:
            return render_json_error(error)


@contextlib.contextmanager
def run_gcs():
    """Run a fake."""
    server = GcsServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, gcs):
        self.gcs = gcs
        self.open = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def close_connections(self):
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """Say nothing: clients go away here all the time."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024

    def setup(self):
        super().setup()
        self.server.open.add(self.connection)

    def finish(self):
        self.server.open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format, *args):  # noqa: A002  as in the base class
        """Say nothing."""

    def _serve(self):
        gcs = self.server.gcs
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        request = Request(self.command, self.path, self.headers, body)
        gcs.requests.append((request.method, request.target))
        fault = gcs.faults.choose(request)
        if fault is None:
            self._send(gcs.handle(request))
            return
        reply = None
        if fault.status is None or fault.after:
            reply = gcs.handle(request)
        self._send(fault.build_reply() if fault.status is not None else reply, fault)

    def _send(self, reply: Reply, fault=None):
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status not in {204, 304}:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(reply.body, fault)

    def _send_body(self, body, fault):
        if fault is None:
            self.wfile.write(body)
            return
        if fault.damage and body:
            body = bytes([body[0] ^ 1]) + bytes(body[1:])
        cut = fault.truncate if fault.truncate is not None else fault.stall
        self.wfile.write(body if cut is None else body[:cut])
        if cut is None:
            return
        self.wfile.flush()
        if fault.stall is not None:
            self.server.gcs.faults.released.wait(60)
        self.close_connection = True


for _method in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"):
    setattr(_Handler, f"do_{_method}", _Handler._serve)

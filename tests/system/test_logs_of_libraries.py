"""What libraries say comes out as lines of ours, and no secret with it.

Their loggers are held above DEBUG; here that is undone, to see that the second line of
defence holds: a real server is asked, and everything the SDK says is looked through.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings
from contextlib import ExitStack
from datetime import timedelta
from io import StringIO
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import structlog

from labeldock import telemetry
from labeldock.contract import LabeldockError, ListQuery, Purpose, ReadRequest
from labeldock.contract.values import PresignRequest
from labeldock.host import build_storage_ref, validate_options
from labeldock.settings import Settings
from labeldock.testing.plugins import build_catalog
from labeldock_s3.plugin import S3Provider
from tests.servers.moto import run_moto
from tests.servers.starting import start_server

SECRET, SESSION = "gE+heim/of-the=library", "sEssion+geheim=="
LIBRARIES = ("boto3", "botocore", "urllib3", "uvicorn", "dramatiq", "alembic")


@pytest.fixture
def printed(tmp_path, monkeypatch):
    """The log of this process as a service has it; afterwards it is as it was."""
    root, stream = logging.getLogger(), StringIO()
    handlers, level, config = list(root.handlers), root.level, structlog.get_config()
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        patch.setattr(sys, "excepthook", sys.excepthook)
        patch.setattr(threading, "excepthook", threading.excepthook)
        settings = Settings(home=tmp_path, log_format="json", log_level="DEBUG")
        telemetry.configure_logging(settings)
        root.handlers[:] = root.handlers[:1]
        yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.configure(**config)


@pytest.fixture
def storage():
    """A storage of a bucket on a server, with keys that are secret."""
    with ExitStack() as stack:
        url = start_server(stack, run_moto())
        fields = {
            "aws_access_key_id": "AKIDOFATEST",
            "aws_secret_access_key": SECRET,
            "aws_session_token": SESSION,
        }
        options = {**fields, "s3_endpoint": url, "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **fields)
        client.create_bucket(Bucket="media")
        client.put_object(Bucket="media", Key="a.jpg", Body=b"x")
        client.close()
        bound = build_catalog(S3Provider()).provider("s3")
        purpose = Purpose.IMPORT
        checked = validate_options(
            bound, purpose, {**options, "bucket": "media"}, stored=False
        )
        yield (
            bound,
            build_storage_ref(
                bound, id=1, purpose=purpose, options=checked, key=b"k" * 32
            ),
        )


def use(storage):
    """One of each call, some in vain; the signature of the URL that was signed."""
    bound, ref = storage
    bound.list_objects(ref, ListQuery(""))
    bound.get_data(ref, ReadRequest("a.jpg")).reader.close()
    with pytest.raises(LabeldockError):
        bound.get_data(ref, ReadRequest("b.jpg"))
    url = bound.presign(ref, PresignRequest("a.jpg", timedelta(minutes=5))).url
    logging.getLogger("urllib3.connectionpool").warning("Retrying: %s", url)
    try:
        fail(url)
    except OSError:
        logging.getLogger("urllib3.connectionpool").exception("it broke")
    (signature,) = parse_qs(urlsplit(url).query)["X-Amz-Signature"]
    return signature


def test_libraries_that_say_everything_say_no_secret(printed, storage):
    for name in ("boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.DEBUG)

    signature = use(storage)

    text = printed.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) > 50
    assert {"botocore.auth", "urllib3.connectionpool"} <= {n["logger"] for n in lines}
    for secret in (SECRET, SESSION, signature):
        assert secret not in text
    assert "X-Amz-Signature=<hidden>" in text


def test_as_a_service_has_it_they_say_nothing_of_requests(printed, storage):
    use(storage)

    lines = [json.loads(line) for line in printed.getvalue().splitlines()]
    assert {line["level"] for line in lines} == {"warning", "error"}  # which we wrote
    assert {line["logger"] for line in lines} == {"urllib3.connectionpool"}


def test_servers_and_queues_write_in_the_shape_of_all(printed):
    telemetry.log_all_that_is_said()
    try:
        logging.getLogger("uvicorn.error").error("Invalid HTTP request received.")
        logging.getLogger("dramatiq.worker.WorkerThread").error("It ended.")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("a library will change", FutureWarning, stacklevel=1)
        thread = threading.Thread(target=fail, name="a-thread")
        thread.start()
        thread.join()
    finally:
        logging.captureWarnings(capture=False)

    lines = [json.loads(line) for line in printed.getvalue().splitlines()]
    assert [(line["logger"], line["level"]) for line in lines] == [
        ("uvicorn.error", "error"),
        ("dramatiq.worker.WorkerThread", "error"),
        ("py.warnings", "warning"),
        ("labeldock.telemetry", "critical"),
    ]
    assert lines[-1]["event"] == "thread_crashed"
    assert lines[-1]["thread"] == "a-thread"
    assert "OSError: GET http://b.example/k?X-Amz-Signature=<hid" in str(lines[-1])


def fail(url="http://b.example/k?X-Amz-Signature=GEHEIM"):
    raise OSError(f"GET {url} failed")

"""One request, followed through web process, queue, worker and provider.

Real processes, a real queue, a server for the bucket, and a collector for the spans.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import pytest
import redis

from labeldock.services.provider_calls import ProviderCalls
from labeldock.web.tracing import list_watchers
from tests.servers.moto import run_moto
from tests.servers.otlp import Collector, run_collector
from tests.servers.starting import start_server
from tests.system.service_logs import Caller, read_lines, run_logged, wait_for_event
from tests.system.terminal import Terminal, wait_until

SECRET = "gE+heim/of-the=bucket"
KEYS = {"aws_access_key_id": "AKIDOFATEST", "aws_secret_access_key": SECRET}
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FILES = 8
CONFIG = """<View><Image name="image" value="$image"/>
<Choices name="kind" toName="image"><Choice value="gull"/></Choices></View>"""
LABELLED = [{
    "from_name": "kind", "to_name": "image", "type": "choices",
    "value": {"choices": ["gull"]},
}]  # fmt: skip


@dataclass
class Story:
    """What happened, and what was said of it."""

    collector: Collector
    logs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    message: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def lines(self, process, correlation_id):
        """What a process said of one request."""
        return [
            line
            for line in self.logs[process]
            if line.get("correlation_id") == correlation_id
        ]

    def trace(self, trace_id):
        return [span for span in self.collector.spans if span.trace_id == trace_id]


@pytest.fixture
def bucket():
    """A bucket with task files and a picture, and one that goes away."""
    with ExitStack() as stack:
        url = start_server(stack, run_moto())
        names = dict.fromkeys(KEYS, "any")
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **names)
        stack.enter_context(closing(client))
        for name in ("media", "gone"):
            client.create_bucket(Bucket=name)
        for number in range(FILES):
            body = json.dumps({"image": "s3://media/pictures/a.jpg"})
            client.put_object(Bucket="media", Key=f"in/{number:03}.json", Body=body)
        client.put_object(Bucket="media", Key="pictures/a.jpg", Body=b"x" * 1000)
        client.put_object(Bucket="gone", Key="a.jpg", Body=b"x")
        yield client, url


@pytest.fixture
def collector():
    with run_collector() as collector:
        yield collector


@pytest.fixture
def terminal(home, redis_url, collector):
    terminal = Terminal(home)
    terminal.environment |= {
        "LABELDOCK_PROVIDERS_ALLOW": "s3",
        "LABELDOCK_BROKER_URL": redis_url,
        "LABELDOCK_EGRESS_PRIVATE": "true",
        "LABELDOCK_TRACES": "true",
        "LABELDOCK_PARTITIONING": "never",  # parts of a run have traces of their own
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    return terminal


def tell_story(terminal, tmp_path, bucket, redis_url, token):
    """Import, look at media, label, export; with one bucket that is gone."""
    client, url = bucket
    story = Story(Collector())
    web, worker = tmp_path / "web.log", tmp_path / "worker.log"
    with run_logged(terminal, web, "serve", "--port", "0"):
        call = Caller(wait_for_event(web, "service_started")["address"], token)
        wait_until(lambda: is_up(call), "the service")
        project = call.make("api/projects", {"title": "Birds", "label_config": CONFIG})
        places = connect(call, project["id"], url)
        client.delete_object(Bucket="gone", Key="a.jpg")
        client.delete_bucket(Bucket="gone")
        headers = {
            "X_Correlation_Id": "story-import",
            "traceparent": f"00-{TRACE}-{CALLER}-01",
        }
        story.answers["sync"] = call(
            "POST", f"api/storages/s3/{places['media']}/sync", {}, **headers
        )
        story.message = read_message(redis_url)
        with run_logged(terminal, worker, "worker"):
            wait_until(lambda: is_done(call, places["media"]), "the import")
            path = f"api/storages/s3/{places['gone']}/sync"
            call("POST", path, {}, X_Correlation_Id="story-failure")
            wait_for_line(worker, "story-failure", "provider_call_failed")
            show_media(call, story, project["id"])
            task = json.loads(call("GET", f"api/tasks?project={project['id']}")[2])
            path = f"api/tasks/{task['tasks'][0]['id']}/annotations"
            call.make(path, {"result": LABELLED}, X_Correlation_Id="story-label")
            wait_for_line(worker, "story-label", "provider_called")
    story.logs = {"web": read_lines(web), "worker": read_lines(worker)}
    story.texts = [web.read_text(), worker.read_text()]
    return story


def is_up(call):
    try:
        return call("GET", "health")[0] == 200
    except OSError:
        return False


def connect(call, project, url):
    """An import storage, one whose bucket goes away, and an export storage."""
    common = {
        "project": project,
        "s3_endpoint": url,
        "region_name": "us-east-1",
        **KEYS,
    }
    media = {
        **common,
        "bucket": "media",
        "regex_filter": r".*\.json",
        "recursive_scan": True,
    }
    made = {"media": call.make("api/storages/s3", media)["id"]}
    gone = {**common, "bucket": "gone", "use_blob_urls": True}
    made["gone"] = call.make("api/storages/s3", gone)["id"]
    call.make("api/storages/export/s3", {**common, "bucket": "media", "prefix": "out"})
    return made


def is_done(call, storage):
    return json.loads(call("GET", f"api/storages/s3/{storage}")[2])["status"] in {
        "completed",
        "failed",
    }


def wait_for_line(path, correlation_id, event):
    def find():
        wanted = (f'"{correlation_id}"', f'"{event}"')
        lines = path.read_text().splitlines()
        return any(all(word in line for word in wanted) for line in lines)

    wait_until(find, f"{event} of {correlation_id}")


def read_message(redis_url):
    """The one message that waits for a worker."""
    with closing(redis.Redis.from_url(redis_url)) as client:
        (raw,) = client.hvals("labeldock:import.msgs")
    return json.loads(raw)


def show_media(call, story, project):
    """A picture by a signed URL, and one that is not there."""
    for name, key in (("here", "a.jpg"), ("missing", "b.jpg")):
        uri = quote(f"s3://media/pictures/{key}", safe="")
        path = f"projects/{project}/resolve/?fileuri={uri}"
        story.answers[name] = call("GET", path, X_Correlation_Id=f"story-{name}")


def test_a_request_is_followed_through_every_process(
    terminal, tmp_path, bucket, redis_url, collector, admin
):
    story = tell_story(terminal, tmp_path, bucket, redis_url, admin.token)
    story.collector = collector

    check_ids(story)
    check_trace(story)
    check_spans(story)
    check_logs(story)
    check_failures(story)
    check_secrets(story)


def check_ids(story):
    """The id of the request: in the answer, in the message, at both ends of the log."""
    status, headers, _ = story.answers["sync"]
    assert (status, headers["X-Correlation-Id"]) == (200, "story-import")
    carried = story.message["kwargs"]["context"]
    assert carried["correlation_id"] == "story-import"
    assert carried["traceparent"].split("-")[1] == TRACE
    for process in ("web", "worker"):
        assert story.lines(process, "story-import")


def check_trace(story):
    """What the worker's provider calls descend from is the request, and its caller."""
    spans = {span.span_id: span for span in story.trace(TRACE)}
    names = [(span.service, span.name, span.kind) for span in spans.values()]
    assert ("labeldock-web", "POST /api/storages/s3/{id:int}/sync", "server") in names
    assert ("labeldock-web", "send import", "producer") in names
    assert ("labeldock-worker", "process import", "consumer") in names
    read = [s for s in spans.values() if s.name == "get_data s3"]
    listed = [s for s in spans.values() if s.name == "list_objects s3"]
    assert len(read) == FILES
    for span in (listed[0], read[-1]):
        assert list(find_ancestors(spans, span)) == [
            "import page",
            "process import",
            "send import",
            "POST /api/storages/s3/{id:int}/sync",
        ]


def find_ancestors(spans, span):
    while span.parent_id != CALLER:
        span = spans[span.parent_id]
        yield span.name


def check_spans(story):
    """Names and attributes are the conventions', and say nothing of anybody's data."""
    spans = story.collector.spans
    request = next(s for s in story.trace(TRACE) if s.kind == "server")
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/storages/s3/{id:int}/sync",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "labeldock.correlation_id": "story-import",
    }
    assert request.resource["deployment.environment.name"] == "test"
    assert request.resource["service.version"]
    assert not [span for span in spans if span.events]
    said = json.dumps([[s.name, s.attributes, s.resource] for s in spans])
    for word in ("http://", ".jpg", ".json", "gull", "gone", "X-Amz", "127.0.0.1"):
        assert word not in said, word
    assert "/health" not in said


def check_logs(story):
    """One line of JSON for each event; within a trace it says where."""
    worker = story.lines("worker", "story-import")
    events = [line["event"] for line in worker]
    assert events[0] == "run_started"
    assert events[-1] == "run_ended"
    assert events.count("provider_called") == FILES + 1
    assert worker[-1]["counts"]["created"] == FILES
    assert {line["trace_id"] for line in worker} == {TRACE}
    spans = {span.span_id for span in story.trace(TRACE)}
    assert {line["span_id"] for line in worker} <= spans
    (answered,) = [
        line
        for line in story.lines("web", "story-import")
        if line["event"] == "request_answered"
    ]
    assert answered["route"] == "/api/storages/s3/{id:int}/sync"
    assert (answered["method"], answered["status"]) == ("POST", 200)
    label = story.lines("worker", "story-label")
    assert {"save_annotation"} <= {line.get("operation") for line in label}
    for line in [*story.logs["web"], *story.logs["worker"]]:
        assert {"event", "level", "timestamp", "logger"} <= set(line)


def check_failures(story):
    """A call that failed is a warning; an answer that there is nothing is none."""
    failed = story.lines("worker", "story-failure")
    warned = [line for line in failed if line["event"] == "provider_call_failed"]
    assert {line["level"] for line in warned} == {"warning"}
    assert {line["operation"] for line in warned} == {"list_objects"}
    assert {line["outcome"] for line in warned} == {"container_not_found"}
    spans = [s for s in story.collector.spans if s.failed]
    errors = {(s.name, s.attributes["error.type"]) for s in spans}
    assert ("list_objects s3", "container_not_found") in errors
    assert ("process import", "container_not_found") in errors


def check_secrets(story):
    """Neither keys nor signed URLs are in a log at DEBUG, or in a span."""
    _, headers, _ = story.answers["here"]
    signature = urlsplit(headers["Location"]).query.partition("X-Amz-Signature=")[2]
    assert len(signature.split("&")[0]) == 64
    said = [*story.texts, json.dumps([s.attributes for s in story.collector.spans])]
    for text in said:
        for secret in (SECRET, signature.split("&")[0], "X-Amz-", "Authorization"):
            assert secret not in text
    loggers = {line["logger"].split(".")[0] for text in said[:2] for line in [
        json.loads(each) for each in text.splitlines()
    ]}  # fmt: skip
    assert not loggers & {"botocore", "boto3", "urllib3"}


def test_while_traces_are_off_nothing_that_records_is_loaded(tmp_path):
    # Redis's client looks for OpenTelemetry's metrics by itself, where it is installed.
    statement = """
import sys
import labeldock.cli.serving, labeldock.jobs.worker, labeldock.web.app
from labeldock import tracing
from labeldock.settings import load_settings
tracing.start(load_settings(), "a-test")
recording = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "labeldock.tracing.")
print(*[name for name in sys.modules if name.startswith(recording)])
"""
    done = subprocess.run(
        [sys.executable, "-c", statement],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_while_traces_are_off_no_request_passes_through_anything_for_them(app):
    assert list_watchers(app.settings) == []
    assert ProviderCalls().spans is None

"""A small Label Studio: the routes that a move asks for, with the shapes recorded.

The shapes are those of `tests/compat/peer_answers.json`, which a real one has given;
only numbers, times and contents are filled in.
"""

from __future__ import annotations

import copy
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ANSWERS = Path(__file__).parents[1] / "compat" / "peer_answers.json"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
MADE = "2024-03-04T05:06:07.123456Z"


def load_shape(name, status=200):
    """The body of an answer that was recorded."""
    for answer in json.loads(ANSWERS.read_text()):
        if answer["answer"] == name and answer["status"] == status:
            return copy.deepcopy(answer["body"])
    raise LookupError(name)


class LabelStudio:
    """What is in it, and what it does wrong; `asked` are the paths in order."""

    def __init__(self):
        self.project = {
            **load_shape("GET /api/projects/{id}/"),
            "id": 7,
            "created_at": MADE,
        }
        user = load_shape("GET /api/users/")[0]
        self.users = [
            {**user, "id": 1, "email": "owner@example.org"},
            {**user, "id": 2, "email": "gone@example.org"},
        ]
        self.storages, self.exports, self.tasks = [], [], []
        self.files = {}
        self.asked = []
        self.broken = {}

    def add_storage(self, **values):
        shape = load_shape("GET /api/storages/s3/")[0]
        shape.update(id=len(self.storages) + 1, project=7, created_at=MADE)
        self.storages.append({**shape, **values})

    def add_export(self, **values):
        shape = load_shape("GET /api/storages/export/s3")[0]
        self.exports.append({**shape, "id": 1, "project": 7, **values})

    def add_task(self, data, annotations=(), predictions=(), **values):
        """A task; its annotations and predictions by what differs from the shape."""
        number = len(self.tasks) + 11
        shape = load_shape("GET /api/tasks/ #3")["tasks"][0]
        said = shape["annotations"][0]
        guess = shape["predictions"][0]
        times = {"created_at": MADE, "updated_at": MADE, "task": number, "project": 7}
        task = {
            **shape,
            **times,
            "id": number,
            "inner_id": number - 10,
            "data": data,
            "storage_filename": None,
            "annotations": [
                {**said, **times, "completed_by": 1, "id": 100 + number, **each}
                for each in annotations
            ],
            "predictions": [
                {**guess, **times, "id": 200 + number, **each} for each in predictions
            ],
            "is_labeled": bool(annotations),
        }
        self.tasks.append({**task, **values})
        self.project["task_number"] = len(self.tasks)
        return number

    def answer(self, path, query):
        """The status and body for a request."""
        place = path.strip("/").removeprefix("api/")
        if place == "tasks":
            return self._answer_page(query)
        answers = {
            "users": self.users,
            "projects": {"count": 1, "next": None, "results": [self.project]},
            "projects/7": self.project,
            "storages": self.storages,
            "storages/export": self.exports,
        }
        for task in self.tasks:
            shown = {**task, "storage_filename": self.files.get(task["id"])}
            answers[f"tasks/{task['id']}"] = shown
        if place not in answers:
            return 404, {"detail": "Not found."}
        return 200, answers[place]

    def _answer_page(self, query):
        size, page = int(query["page_size"][0]), int(query["page"][0])
        found = self.tasks[(page - 1) * size : page * size]
        if not found:
            return 404, {"detail": "Invalid page."}
        return 200, {"total": len(self.tasks), "tasks": found}


@contextmanager
def run_label_studio():
    """Run one while the block lasts; its `url` says where."""
    studio = LabelStudio()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _build_handler(studio))
    server.daemon_threads = True
    studio.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield studio
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _build_handler(studio):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            studio.asked.append(self.path)
            status = studio.broken.pop(self.path, None) or studio.broken.pop(
                f"{parts.path}#{len(studio.asked)}", None
            )
            if status:
                return self._send(status, {"detail": "broken"})
            if self.headers["Authorization"] != f"Token {TOKEN}":
                return self._send(401, {"detail": "Invalid token."})
            return self._send(*studio.answer(parts.path, parse_qs(parts.query)))

        def _send(self, status, body):
            content = json.dumps(body).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            """Say nothing."""

    return Handler

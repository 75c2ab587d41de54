"""The running service as the walk asks it, and what there has to be before."""

from __future__ import annotations

import itertools
import time

import httpx2

from tests.compat.service import EMAIL

LABELS = (
    '<View><Image name="img" value="$image"/><Choices name="kind" toName="img">'
    '<Choice value="gull"/><Choice value="crow"/></Choices></View>'
)
RESULT = [
    {
        "from_name": "kind",
        "to_name": "img",
        "type": "choices",
        "value": {"choices": ["gull"]},
    }
]
ENDED = {"completed", "completed_with_errors", "failed"}
PROVIDERS = ("s3", "gcs", "azure", "localfiles")
KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "planted secret"}
_NUMBERS = itertools.count(1)


class World:
    """One client with a token; `project`, `task` and `folder` are made when asked."""

    def __init__(self, service, bucket):
        self.service = service
        self.email = EMAIL
        self.s3 = {
            "bucket": "birds",
            "s3_endpoint": bucket,
            "region_name": "us-east-1",
            **KEYS,
        }
        self.client = self.open({"Authorization": f"Token {service.token}"})

    def open(self, headers):
        """A client that sends these headers, and follows no redirects."""
        return httpx2.Client(base_url=self.service.url, headers=headers, timeout=30)

    def ask(self, method, path, status=200, **more):
        """The JSON of an answer, which has to have this status."""
        answer = self.client.request(method, path, **more)
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        return answer.json() if answer.content else None

    def get(self, path, status=200, **query):
        return self.ask("GET", path, status, params=query)

    def post(self, path, body=None, status=201, **more):
        return self.ask("POST", path, status, json={} if body is None else body, **more)

    def patch(self, path, body, status=200):
        return self.ask("PATCH", path, status, json=body)

    def delete(self, path, status=204):
        return self.ask("DELETE", path, status)

    def make_project(self, **more):
        body = {"title": f"Birds {next(_NUMBERS)}", "label_config": LABELS, **more}
        return self.post("/api/projects/", body)["id"]

    def make_task(self, project, data=None):
        body = {"project": project, "data": data or {"image": "https://x/a.jpg"}}
        return self.post("/api/tasks/", body)["id"]

    def make_annotation(self, task, **more):
        return self.post(f"/api/tasks/{task}/annotations/", {"result": RESULT, **more})

    def make_folder(self, **files):
        """A folder that may be imported, with these files in it."""
        folder = self.service.folder / f"walk {next(_NUMBERS)}"
        folder.mkdir()
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)
        return str(folder)

    def make_storage(self, project, kind="s3", *, export=False, status=201, **more):
        """A storage of this kind: the bucket, or a folder."""
        base = f"/api/storages/{'export/' if export else ''}{kind}"
        own = self.s3 if kind == "s3" else {"path": self.make_folder(a_jpg="bytes")}
        use = {} if export else {"use_blob_urls": True}
        if kind == "s3" and not export:
            use["prefix"] = "photos"
        return self.post(base, {"project": project, **own, **use, **more}, status)

    def wait(self, base, number):
        """The storage once its sync has ended."""
        until = time.monotonic() + 30
        while True:
            storage = self.get(f"{base}/{number}")
            if storage["status"] in ENDED or time.monotonic() > until:
                return storage
            time.sleep(0.02)

    def close(self):
        self.client.close()

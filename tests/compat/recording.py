"""The user's script, run unchanged, and what it was answered.

    python -m tests.compat.recording

asks Label Studio and Labeldock, keeps what Label Studio said in `peer_answers.json`,
writes the table of the documentation, and prints what is in it nowhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from labeldock.web.release import VERSION as RELEASE
from tests.compat.comparing import clean, compare
from tests.compat.differences import load_known, write_table
from tests.compat.environments import NEWEST, find_python
from tests.compat.peer import VERSION, run_peer, say
from tests.compat.service import clean_environment, run_service
from tests.servers.moto import run_moto

HERE = Path(__file__).parent
RECORDED = HERE / "peer_answers.json"
LIMIT = 100  # seconds for the script
_OBJECTS = {
    "photos/a.jpg": b"one",
    "photos/b.jpg": b"two",
    "photos/deeper/c.jpg": b"three",
    "tasks/one.json": b'{"image": "s3://birds/photos/a.jpg"}',
}


def load_recorded():
    """What Label Studio answered when it was asked last."""
    return json.loads(RECORDED.read_text())


def ask(service, version, folder):
    """The cleaned answers of a service to the script."""
    target = folder / "answers.json"
    with _run_bucket() as bucket:
        given = {
            "LABEL_STUDIO_URL": service.url,
            "LABEL_STUDIO_API_KEY": service.token,
            "BUCKET_URL": bucket,
        }
        script = HERE / "user_script.py"
        done = subprocess.run(
            [find_python(NEWEST), HERE / "recorder.py", target, script],
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
            env={**clean_environment(), **given},
        )
    answers = json.loads(target.read_text())
    assert done.returncode == 0, f"{answers[-1:]}\n{done.stderr[-3000:]}"
    places = {service.url: "<service>", bucket: "<bucket server>", version: "<version>"}
    return clean(answers, places)


@contextmanager
def _run_bucket():
    with run_moto() as url:
        for path, data in {"": b"", **_OBJECTS}.items():
            request = urllib.request.Request(
                f"{url}/birds/{path}",
                data=data,
                method="PUT",
                headers={"Content-Type": "application/octet-stream"},
            )
            urllib.request.urlopen(request, timeout=10).close()
        yield url


def sort_out(theirs, ours):
    """The differences that no entry covers, and the entries that cover none."""
    known, unknown, unused = load_known(), [], set(load_known())
    for difference in sorted(set(compare(theirs, ours))):
        covering = [entry for entry in known if entry.covers(difference)]
        unused -= set(covering)
        if not covering:
            unknown.append(difference)
    return unknown, sorted(unused, key=lambda entry: entry.where)


def main():
    """Ask both."""
    with run_peer() as peer:
        theirs = ask(peer, VERSION, peer.folder)
    RECORDED.write_text(json.dumps(theirs, indent=1) + "\n")
    with run_service() as service:
        ours = ask(service, RELEASE, service.folder)
    unknown, unused = sort_out(theirs, ours)
    for difference in unknown:
        say(f"not listed: {difference}")
    for entry in unused:
        say(f"listed, and not there: {entry}")
    write_table()
    say(f"{len(theirs)} answers of Label Studio {VERSION} are in {RECORDED.name}")
    sys.exit(bool(unknown or unused))


if __name__ == "__main__":
    main()

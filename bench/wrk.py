"""wrk, a light load generator; where it is not installed, our own client."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bench.load import Plan, drive

_SCRIPT = """
local paths, number = {%s}, 0
request = function()
  number = number %% #paths + 1
  return wrk.format("GET", paths[number])
end
done = function(summary)
  local e = summary.errors
  local broken = e.connect + e.read + e.timeout + e.status
  local rate = summary.requests / summary.duration * 1e6
  print(string.format('figures {"rate": %%f, "failures": %%d}', rate, broken))
end
"""


def press(plan: Plan) -> float:
    """The most answers in a second that the connections of a plan get.

    Raises:
        RuntimeError: an answer was not the one that the plan expects.
    """
    _check_answer(plan)
    if not shutil.which("wrk"):
        return drive("fast", plan)["rate"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT % ", ".join(map(json.dumps, plan.paths)))
        script.flush()
        options = ["-t1", f"-c{plan.connections}", f"-d{plan.seconds:.0f}s"]
        for name, value in plan.headers.items():
            options += ["-H", f"{name}: {value}"]
        command = ["wrk", *options, "-s", script.name, plan.url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.rpartition("figures ")[2])
    if figures["failures"]:
        raise RuntimeError(f"{figures['failures']:.0f} requests failed")
    return float(figures["rate"])


def _check_answer(plan: Plan) -> None:
    connection = HTTPConnection(urlsplit(plan.url).netloc, timeout=30)
    connection.request("GET", plan.paths[0], headers=plan.headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != plan.status:
        raise RuntimeError(f"answered {answer.status} {body[:300]!r}")

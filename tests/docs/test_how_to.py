"""Every block of the how-to pages is run or checked, or its reason is told.

Commands are run as they stand, in one shell for each page, by the real command line on
an installation of their own; what a page shows of their output is compared.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import tomllib
from collections import Counter
from urllib.parse import urlsplit

import boto3
import pytest
import yaml
from opentelemetry.sdk import environment_variables

from labeldock.cli.error_texts import REMEDIES
from labeldock.cli.serving import DEFAULT_PORT
from labeldock.host import load_catalog
from labeldock.services.runs import RunView
from labeldock.services.webhooks import outbox, signing
from labeldock.settings import PREFIX, Settings, load_settings
from labeldock.web.console.openid_pages import CALLBACK_PATH
from tests.architecture.sources import ROOT
from tests.docs.blocks import DOCS, Step, find_unshown, list_blocks, list_steps
from tests.docs.conftest import KEYS
from tests.docs.how_to import COMMON, LONG, NOT_RUN, PLANS, PRELUDE, Plan
from tests.servers.process import free_port
from tests.system import cvat_archives

PAGES = sorted(DOCS.glob("how-to/*.md"))
SHELLS = {"sh", "console"}
ASSIGNMENT = re.compile(r"(?:export )?([A-Z_]+)=(\S+|'[^']*'|\"[^\"]*\")")
SERVICE = re.compile(r"^labeldock (?:serve|worker)\b[^&\n]*$", re.MULTILINE)
# What is neither a command nor its output, and what is done about it.
CHECKED = {
    ("connect-s3.md", "json"): "given to IAM",
    ("declare-storages-in-a-file.md", "yaml"): "applied",
    ("declare-storages-in-a-file.md", "text"): "compared with what a wrong file gives",
    ("log-in-with-openid.md", "text"): "the route is there",
    ("manage-people.md", "text"): "compared with what the service prints",
    ("upgrade.md", "text"): "of a version to come",
    ("webhooks.md", "json"): "its keys are those of a message",
    ("webhooks.md", "python"): "executed",
    ("watch-a-service.md", "yaml"): "parsed, its ports are those of the commands",
    ("host-a-service.md", "nginx"): "by test_host_a_service.py",
    ("host-a-service.md", "caddyfile"): "by test_host_a_service.py",
}


def find_reason(step):
    """Why a command is not run; None if it is."""
    page = step.place.partition(":")[0]
    reasons = (
        reason
        for where, beginning, reason in NOT_RUN
        if where in {"", page} and step.command.startswith(beginning)
    )
    return next(reasons, None)


def is_settings(step):
    """Whether there are only variables of ours in it."""
    rest = ASSIGNMENT.sub("", step.command)
    return not rest.strip() and "LABELDOCK_" in step.command


def list_page(page):
    blocks = list_blocks(page)
    return list(
        list_steps([b for b in blocks if (page.name, b.language) not in CHECKED])
    )


def list_runnable(page):
    return [
        step
        for step in list_page(page)
        if find_reason(step) is None and not is_settings(step)
    ]


def find_blocks(page, language):
    return [b for b in list_blocks(DOCS / "how-to" / page) if b.language == language]


# Commands


@pytest.fixture
def installation(furnished, s3_server, programs, tmp_path):
    """The variables of a page's shell, and the programs of its plan."""
    shutil.copytree(furnished, tmp_path / "home")
    (tmp_path / "srv" / "results").mkdir(parents=True)
    (tmp_path / "storages.yaml").write_text(write_declaration(tmp_path, s3_server))
    cvat = cvat_archives.pack(
        cvat_archives.project_entries(cvat_archives.task_entries("task_0/"))
    )
    (tmp_path / "project_roads_backup_2026_11_21.zip").write_bytes(cvat)
    keys = " ".join(f"--set {name}={value}" for name, value in KEYS.items())
    return {
        "LABELDOCK_HOME": str(tmp_path / "home"),
        "LABELDOCK_LOCAL_ROOTS": str(tmp_path / "srv"),
        "PORT": str(free_port()),
        "S3_URL": s3_server,
        "PYTHON": sys.executable,
        "S3": f"--set s3_endpoint={s3_server} {keys}",
    }


def list_pages():
    for page in PAGES:
        if list_runnable(page):
            marks = [pytest.mark.full] if page.name in LONG else []
            yield pytest.param(page, marks=marks, id=page.name)


@pytest.mark.parametrize("page", [*list_pages()])
def test_the_commands_of_a_page_do_what_it_says(shell, installation, page):
    plan = PLANS.get(page.name, Plan())
    steps = [prepare(step, plan, installation) for step in list_runnable(page)]

    shell(steps, prelude=PRELUDE + plan.before, after=plan.after, **installation)


def prepare(step, plan, variables):
    """A step as it is run here."""
    command, shown = step.command, step.shown
    for before, after in {**COMMON, **plan.replaced}.items():
        command = command.replace(before, after)
        shown = shown and shown.replace(before, plan.replaced.get(before, before))
    command = SERVICE.sub(r"\g<0> --help > shown.txt", command)
    for beginning, first in plan.between.items():
        if step.command.startswith(beginning):
            command = f"{first}\n{command}"
    return step._replace(command=command, shown=shown)


def test_a_line_that_a_command_does_not_print_is_found():
    output = "id   begins\n7    abcd    2026-01-01 10:00:00\nat http://127.0.0.1:81/\n"

    assert find_unshown(output, "id begins\n7  ab...  2020-02-02\n") == []
    assert find_unshown(output, "…http://127.0.0.1:8080/") == []
    assert find_unshown(output, "8  abcd  2020-02-02") == ["8 abcd DATE"]
    assert find_unshown(output, "at…\nid begins") == ["id begins"]


def test_a_step_that_fails_or_shows_something_else_is_noticed(shell):
    with pytest.raises(AssertionError, match="other lines"):
        shell([Step("page.md:1", "labeldock --version\n", "labeldock 99\n")])
    with pytest.raises(AssertionError, match="No such command"):
        shell([Step("page.md:2", "labeldock nothing\n", None)])


def write_declaration(folder, s3_url):
    """The file of the page about them, with buckets and folders of this machine."""
    (block,) = find_blocks("declare-storages-in-a-file.md", "yaml")
    document = block.text.replace("/srv", str(folder / "srv"))
    return document.replace("region_name: eu-west-1", f"s3_endpoint: {s3_url}")


# Blocks that are no commands


def test_every_block_is_run_or_checked_or_its_reason_told(capsys):
    counts, reasons = Counter(), Counter()
    for page in PAGES:
        for block in list_blocks(page):
            found = account(page, block)
            assert found, f"{block.place}: run it, check it, or say why not"
            counts[found[0]] += 1
            reasons.update([found[1]] if found[0] == "not run" else [])
    with capsys.disabled():
        sys.stdout.write(f"\nblocks of the how-to pages: {dict(counts)}\n")
        for reason, count in reasons.most_common():
            sys.stdout.write(f"  {count} not run: {reason}\n")

    assert counts["run"] >= 35
    assert counts["not run"] <= 30


def account(page, block):
    """What is done about a block, and how or why."""
    if (page.name, block.language) in CHECKED:
        return "checked", CHECKED[page.name, block.language]
    steps = list(list_steps([block]))
    if not steps:
        is_output = block.language == "text" and is_shown(page, block)
        return ("compared", "with the output before it") if is_output else None
    reasons = [find_reason(step) for step in steps]
    if all(reasons):
        return "not run", reasons[0]
    return ("checked", "settings") if all(map(is_settings, steps)) else ("run", "")


def is_shown(page, block):
    blocks = list_blocks(page)
    before = blocks[blocks.index(block) - 1]
    return before.language == "sh"


def test_every_reason_is_needed():
    steps = [step for page in PAGES for step in list_page(page)]

    for where, beginning, reason in NOT_RUN:
        assert any(
            step.command.startswith(beginning) and step.place.startswith(where)
            for step in steps
        ), reason


def test_every_plan_is_of_a_page():
    names = {page.name for page in PAGES}

    assert {*PLANS, *LONG, *(name for name, _ in CHECKED)} <= names


def test_settings_of_the_pages_are_settings(monkeypatch, tmp_path):
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    for bound in load_catalog(environment={}).providers:
        names = bound.info.operator_options.model_fields
        known |= {f"{PREFIX}{bound.info.name}_{name}".upper() for name in names}
    known |= {name for name in vars(environment_variables) if name.startswith("OTEL_")}

    steps = [s for page in PAGES for s in list_page(page) if is_settings(s)]
    steps = [step for step in steps if find_reason(step) is None]
    for step in steps:
        values = dict(ASSIGNMENT.findall(step.command))
        ours = {name for name in values if name.startswith(PREFIX)}
        assert ours <= known, step.place
        with monkeypatch.context() as patch:
            for name, value in values.items():
                patch.setenv(name, value.strip("\"'"))
            assert load_settings(home=tmp_path), step.place
    assert len(steps) >= 3


def test_what_is_installed_is_made_here():
    made = {
        project["name"]: project.get("optional-dependencies", {})
        for path in [ROOT / "core", *ROOT.glob("plugins/*")]
        for project in [tomllib.loads((path / "pyproject.toml").read_text())["project"]]
    }

    steps = [s for p in PAGES for s in list_page(p) if s.command.startswith("pip ")]
    assert len(steps) >= 3
    for step in steps:
        for name, extra in re.findall(r"(labeldock[\w-]*)(?:\[(\w+)\])?", step.command):
            assert name in made, step.place
            assert not extra or extra in made[name], step.place


@pytest.mark.parametrize(
    "block", find_blocks("connect-s3.md", "json"), ids=lambda b: b.place
)
def test_a_policy_of_amazon_is_one(s3_server, block):
    iam = boto3.client("iam", endpoint_url=s3_server, region_name="us-east-1", **KEYS)

    iam.create_policy(PolicyName=f"line-{block.line}", PolicyDocument=block.text)

    iam.close()


def test_what_amazons_command_line_is_given_is_taken(s3_server):
    s3 = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1", **KEYS)
    steps = [
        step.command
        for step in list_page(DOCS / "how-to" / "connect-s3.md")
        if step.command.startswith("aws s3api ")
    ]

    for command in steps:
        _, _, operation, *rest = shlex.split(command)
        given = dict(zip(rest[::2], rest[1::2], strict=True))
        bucket, document = given.pop("--bucket"), given.popitem()
        name = "".join(map(str.title, document[0].removeprefix("--").split("-")))
        name = name.replace("Cors", "CORS")
        call = getattr(s3, operation.replace("-", "_"))
        call(Bucket=bucket, **{name: json.loads(document[1])})
    assert len(steps) == 2
    s3.close()


def test_the_signature_of_a_webhook_is_checked_as_the_page_does():
    (block,) = find_blocks("webhooks.md", "python")
    names = {}
    exec(compile(block.text, block.place, "exec"), names)
    secret, body = signing.make_secret(), b'{"action": "RUN_FAILED"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": signing.sign(secret, "msg_1", 1700000000, body),
    }

    assert names["is_genuine"](secret, headers, body)
    assert not names["is_genuine"](secret, headers, body + b" ")


def test_the_message_of_a_webhook_has_the_keys_of_one():
    (block,) = find_blocks("webhooks.md", "json")
    message = json.loads(block.text)
    path = ROOT / "core/src/labeldock/services/webhooks/payloads.py"

    assert message["action"] in set(outbox.Action)
    for key in (*message["project"], *message["storage"]):
        assert f'"{key}"' in path.read_text(), key
    assert set(message["run"]) <= set(RunView.__slots__)
    assert message["run"]["problem"]["code"] in REMEDIES


def test_prometheus_finds_what_the_commands_open():
    (block,) = find_blocks("watch-a-service.md", "yaml")
    jobs = yaml.safe_load(block.text)["scrape_configs"]
    page = (DOCS / "how-to" / "watch-a-service.md").read_text()

    ports = {
        target.partition(":")[2]
        for job in jobs
        for each in job["static_configs"]
        for target in each["targets"]
    }
    assert ports == {str(DEFAULT_PORT), *re.findall(r"--metrics-port (\d+)", page)}


def test_the_address_to_return_to_is_a_route():
    (block,) = find_blocks("log-in-with-openid.md", "text")
    path = urlsplit(block.text.strip()).path

    assert path == CALLBACK_PATH


def test_a_file_that_cannot_be_applied_is_told_as_the_page_does(
    shell, installation, tmp_path
):
    (block,) = find_blocks("declare-storages-in-a-file.md", "text")
    path = tmp_path / "storages.yaml"
    wrong = path.read_text().replace("every 15 minutes", "now and then")
    path.write_text(wrong.replace("project: 7", "project: 70"))
    shown = block.text.replace("Project 7", "Project 70")

    shell([Step(block.place, BROKEN, shown)], **installation)


BROKEN = f"""{PLANS["declare-storages-in-a-file.md"].before}
labeldock apply storages.yaml || test $? = 2"""


@pytest.mark.full
def test_the_first_start_shows_what_the_page_says(shell, installation):
    (block,) = find_blocks("manage-people.md", "text")
    start = """labeldock serve --port "$PORT" &
wait_for 'curl -sf http://127.0.0.1:$PORT/ready'
kill $!
wait"""
    installation["LABELDOCK_HOME"] += "-new"

    step = Step(block.place, start, block.text)
    shell([step], prelude=PRELUDE, **installation)

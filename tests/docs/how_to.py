"""What the how-to pages need so that their blocks can be run as they stand.

A page has what a reader of it has already: storages and runs under its numbers, files,
a running service. `replaced` puts something of this machine in the place of a host.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DATED = "2026-03-01 04:00:12  ends"  # nobody has used that token yet
ADD = "labeldock storage add s3"
ADD_HERE = f"{ADD} $S3"
# Objects of a bucket are filled in and taken away without a program for it.
PRELUDE = r"""
number() {
    python3 -c "
import sqlite3, sys
with sqlite3.connect('$LABELDOCK_HOME/labeldock.sqlite3') as db:
    values = (sys.argv[1], int(sys.argv[2]) - 1)
    db.execute('DELETE FROM sqlite_sequence WHERE name = ?', values[:1])
    db.execute('INSERT INTO sqlite_sequence VALUES (?, ?)', values)
" "$1" "$2"
}
s3() {
    "$PYTHON" -c "
import os, sys, boto3
s3 = boto3.client('s3', endpoint_url=os.environ['S3_URL'], region_name='us-east-1',
    aws_access_key_id='any', aws_secret_access_key='any')
for word in sys.argv[1:]:
    place, is_put, path = word.partition('=')
    bucket, _, key = place.partition('/')
    if is_put:
        body = open(path, 'rb').read() if path else os.urandom(9)
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    else:
        s3.delete_object(Bucket=bucket, Key=key)
" "$@"
}
image() { echo "photos/images/000${1%=}.jpg${1#?}"; }
wait_for() {
    tries=0
    until eval "$1" > /dev/null; do
        tries=$((tries + 1)) && test $tries -lt 300 && sleep 0.1
    done
}
"""
SERVE = """
labeldock serve --port $PORT > served.txt 2>&1 &
service=$!
trap 'kill $service; wait $service || true' EXIT
TOKEN="$(labeldock token create --email me@example.org)"
HOST="http://127.0.0.1:$PORT" URL="http://127.0.0.1:$PORT"
wait_for 'curl -sf $HOST/ready'
"""
# A project 3 whose bucket is storage 3, and an export storage 5 beside it.
STORAGES = f"""
number storage 3
{ADD_HERE} --project 3 --title Photos --bucket birds --prefix pictures --blob
labeldock storage sync 3
number storage 5
{ADD_HERE} --project 3 --export --bucket labels --prefix out
"""
CALL = 'curl -sf -H "Authorization: Token $TOKEN"'


@dataclass(frozen=True)
class Plan:
    """How a page is run: before it, between its blocks, and after it, in shell.

    `between` names the beginning of a command, and what comes before it.
    """

    before: str = ""
    between: dict[str, str] = field(default_factory=dict)
    after: str = "true"
    replaced: dict[str, str] = field(default_factory=dict)


PLANS = {
    "back-up-a-project.md": Plan(
        STORAGES + SERVE,
        {
            "curl -C": f"""
wait_for '{CALL} "$HOST/api/requests" | grep download'
RESULT_URL="$({CALL} "$HOST/api/requests" | grep -o '/api/[^"]*/download[^"]*')"
head -c 100 birds.zip > part.zip && mv birds.zip first.zip
"""
        },
        "labeldock verify birds.zip",
    ),
    "bring-over-from-cvat.md": Plan(after="labeldock project list | grep -i road"),
    "declare-storages-in-a-file.md": Plan(
        "mkdir secrets && printf any > secrets/birds && export BIRDS_KEY_ID=any",
        after="labeldock storage list --project 7 | grep Results",
    ),
    "export-annotations.md": Plan(
        "number storage 2",
        {"labeldock export": "labeldock storage verify 2"},
        "test -s birds.json && gunzip birds.jsonl.gz && test -s birds.jsonl",
    ),
    "follow-changes.md": Plan(
        "s3 $(image 1=) $(image 2=) $(image 3=) $(image 4=) $(image 6=)\n"
        "number storage 3\nnumber run 11\n"
        f"{ADD_HERE} --project 3 --title Photos --bucket photos --prefix images "
        "--blob\n"
        f"labeldock storage sync 3\ns3 $(image 2=) $(image 5=) $(image 3)\n{SERVE}\n"
    ),
    "import-on-bucket-events.md": Plan(
        f"{STORAGES}\nexport LABELDOCK_PUBLIC_URL=https://labeldock.example.org"
    ),
    "limit-what-teams-use.md": Plan(after="labeldock team limits 1 | grep 'runs.*own'"),
    "manage-people.md": Plan(SERVE),
    "read-the-audit-log.md": Plan(
        f"number storage 4\n{ADD_HERE} --project 3 --bucket birds --blob --recursive"
        f"\n{SERVE}\n"
        f"number audit_event 812\n{CALL} -X DELETE $HOST/api/storages/s3/4",
    ),
    "restore-and-attach.md": Plan(
        f"""
number storage 3
{ADD_HERE} --project 3 --title Photos --bucket birds --prefix pictures --blob
labeldock storage sync 3
labeldock backup 3 --lightweight --output birds.zip
number storage 5
{ADD_HERE} --project 3 --export --bucket labels
s3 labels/archives/birds.zip=birds.zip
{SERVE}
""",
        {ADD: "number storage 12"},
    ),
    "rotate-secrets.md": Plan(
        "number storage 4\n"
        f"{ADD_HERE} --project 2 --title Photos --bucket birds --blob --recursive\n"
        "labeldock webhook add http://127.0.0.1:9/ --project 2 --header X-Key=any\n"
        "new() { python3 -c 'import secrets; print(secrets.token_urlsafe(32))'; }\n",
        {
            "labeldock secrets rotate": "export LABELDOCK_SECRET_KEY="
            '"$(new),$(cat $LABELDOCK_HOME/secret.key)"',
            "labeldock secrets lost": 'export LABELDOCK_SECRET_KEY="$(new)"',
        },
        replaced={"labeldock secrets lost": "labeldock secrets lost || test $? = 1"},
    ),
    "see-what-a-sync-did.md": Plan(
        f"number storage 3\nnumber run 17\n{ADD_HERE} --project 3 --bucket birds "
        "--blob --prefix pictures\nlabeldock storage sync 3"
    ),
    "sync-on-a-schedule.md": Plan(STORAGES + SERVE),
    "use-tokens.md": Plan(
        SERVE + "number token 7", replaced={"1c0f": "…", DATED: "… ends"}
    ),
    "watch-a-service.md": Plan(
        "for name in web worker-1 worker-2; do echo '{}' > $name.log; done"
    ),
    "webhooks.md": Plan(),
}
COMMON = {
    "https://labels.example.org": "http://127.0.0.1:$PORT",
    "https://labeldock.example.org": "http://127.0.0.1:$PORT",
    "https://hooks.example.com": "http://127.0.0.1:9",
    "/srv/": "$PWD/srv/",
    "http://collector.internal": "http://127.0.0.1",
    ADD: ADD_HERE,
}

CLOUD = "asks a cloud, with an account there"
ELSEWHERE = "the same is run by tests/system"
# Page, or none for all: what a command begins with, and why it is not run.
NOT_RUN = (
    ("", "pip install", "fetches from an index; its names are compared instead"),
    ("", "az ", CLOUD),
    ("", "gcloud ", CLOUD),
    ("", "aws s3api", "needs Amazon's command line; its JSON is given to boto3"),
    ("connect-gcs.md", "cat > cors.json", "its last command asks a cloud"),
    ("", "export LABELDOCK_TEST_", "needs a bucket of somebody's own"),
    ("", "npx azurite-blob", "tests/servers/azurite.py starts it"),
    ("", "labeldock demo --storage", f"{ELSEWHERE}/test_demo_buckets.py"),
    ("", "./dev ", "of a clone of the repository, and has tests of its own"),
    ("upgrade.md", "labeldock migrate", "there is no older schema yet"),
    ("move-from-label-studio.md", "", f"{ELSEWHERE}/test_label_studio.py"),
    ("move-to-postgresql.md", "", f"{ELSEWHERE}/test_cli_migrate.py"),
    ("host-a-service.md", "pg_", "test_host_a_service.py does it, on PostgreSQL"),
    (
        "host-a-service.md",
        "export LABELDOCK_SECRET_KEY",
        "needs a Docker engine; tests/system/test_compose.py starts the processes",
    ),
)
# Seconds each, so that only a full run of the tests has them.
LONG = {
    "back-up-a-project.md",
    "export-annotations.md",
    "follow-changes.md",
    "import-on-bucket-events.md",
    "manage-people.md",
    "restore-and-attach.md",
    "see-what-a-sync-did.md",
    "sync-on-a-schedule.md",
    "use-tokens.md",
}

"""The demo on a bucket: the samples go into it, and the annotations come out there."""

from __future__ import annotations

import json

import boto3
import pytest

from labeldock.cli.demo.buckets import find_bucket
from labeldock.cli.demo.story import Target, tell_story
from labeldock.contract import InvalidInput, UnknownProvider
from labeldock.host import load_catalog
from labeldock.settings import Settings
from tests.servers.moto import run_moto
from tests.system.terminal import Terminal

CREDENTIALS = {
    "aws_access_key_id": "demo-key",
    "aws_secret_access_key": "demo-s3cr3t",
    "region_name": "us-east-1",
}


@pytest.fixture(scope="module")
def server():
    with run_moto() as url:
        yield url


@pytest.fixture
def bucket(server):
    """An empty bucket, seen with the bare SDK."""
    s3 = boto3.resource("s3", endpoint_url=server, **CREDENTIALS)
    bucket = s3.create_bucket(Bucket="labels")
    yield bucket
    bucket.objects.delete()
    bucket.delete()
    s3.meta.client.close()


@pytest.fixture
def terminal(tmp_path):
    terminal = Terminal(tmp_path / "home")
    terminal.environment |= {"LABELDOCK_PROVIDERS_ALLOW": "s3", "MY_SECRET": "s3cr3t"}
    return terminal


@pytest.fixture
def options(server):
    """The demo's options for that server; the secret is not on the command line."""
    settings = (
        f"s3_endpoint={server}",
        "aws_access_key_id=demo-key",
        "aws_secret_access_key=@env:MY_SECRET",
    )
    return [word for setting in settings for word in ("--set", setting)]


def list_keys(bucket, prefix=""):
    return [found.key for found in bucket.objects.filter(Prefix=prefix)]


def row_of(printed, title):
    line = next(line for line in printed.splitlines() if line.startswith(title))
    return line.removeprefix(title).split()


def test_the_demo_runs_on_a_bucket_and_goes_on_there(terminal, bucket, options, server):
    command = ("demo", "--storage", "s3://labels/my demo", *options, "--exit")
    bucket.put_object(Key="my demo/media/star-1.png", Body=b"mine")

    first = terminal.run(*command).stdout
    made = terminal.query("SELECT count(*) FROM storage")
    second = terminal.run(*command).stdout

    written = list_keys(bucket, "my demo/exported/")
    assert len(list_keys(bucket, "my demo/media/")) == 30
    assert len(written) == 8
    assert json.load(bucket.Object(written[0]).get()["Body"])["task"]
    assert list_keys(bucket) == list_keys(bucket, "my demo/")
    for printed in (first, second):
        assert all(f"s3://labels/{key}" in printed for key in written)
        assert "s3cr3t" not in printed
    place = ["s3://labels/my", "demo/media/"]
    assert row_of(first, "Pictures") == ["30", "30", "0", "0", *place]
    assert row_of(first, "Task files")[:4] == ["3", "12", "0", "1"]
    assert row_of(second, "Pictures")[:4] == ["30", "0", "30", "0"]
    assert "(44 of them were put there now)" in first
    assert "(0 of them were put there now)" in second
    assert made == terminal.query("SELECT count(*) FROM storage") == [(3,)]
    assert terminal.query("SELECT count(*) FROM project") == [(1,)]
    kept = bucket.Object("my demo/media/star-1.png").get()["Body"].read()
    assert kept == b"mine"
    assert_landscapes(terminal, bucket)


def assert_landscapes(terminal, bucket):
    """Tasks of the files in the bucket name pictures that are in it too."""
    data = [json.loads(row[0]) for row in terminal.query("SELECT data FROM task")]
    landscapes = [each["image"] for each in data if "title" in each]
    assert len(landscapes) == 12
    assert {uri.removeprefix("s3://labels/") for uri in landscapes} <= set(
        list_keys(bucket)
    )


def test_a_bucket_that_is_not_there_is_told(terminal, server, options):
    said = terminal.refuse("demo", "--storage", "s3://gone", *options, code=1)

    assert "bucket" in said
    assert "s3cr3t" not in said


def test_a_folder_does_not_go_into_a_bucket(tmp_path):
    target = Target(tmp_path, "s3://labels")

    with pytest.raises(InvalidInput, match="filled with the samples") as caught:
        tell_story(Settings(home=tmp_path / "home"), target)

    assert "Leave the folder out" in caught.value.remedy


@pytest.fixture(scope="module")
def catalog():
    return load_catalog(environment={}, strict=True)


@pytest.mark.parametrize(
    ("uri", "assignments", "base", "prefix"),
    [
        ("s3://photos", ["anonymous=true"], "s3://photos/", ""),
        ("s3://photos/a/b/", ["anonymous=true"], "s3://photos/", "a/b/"),
        ("gs://photos//a", ["anonymous=true"], "gs://photos/", "a/"),
        (
            "azure-blob://photos/a",
            ["account_name=labels", "anonymous=true"],
            "azure-blob://photos/",
            "a/",
        ),
    ],
)
def test_every_provider_is_found_by_its_uris(catalog, uri, assignments, base, prefix):
    bucket = find_bucket(catalog, uri, assignments)

    assert (bucket.base, bucket.prefix) == (base, prefix)


@pytest.mark.parametrize("uri", ["photos", "s3:", "s3://", "s3:///a", "://photos", ""])
def test_what_is_no_uri_is_refused(catalog, uri):
    with pytest.raises(InvalidInput, match="no URI") as caught:
        find_bucket(catalog, uri, [])

    assert caught.value.field == "--storage"


def test_an_unknown_scheme_names_those_that_are_known(catalog):
    with pytest.raises(UnknownProvider, match="azure-blob, gs, local, s3"):
        find_bucket(catalog, "ftp://photos", [])


@pytest.mark.parametrize(
    ("assignments", "problem"),
    [(["bucket=other"], "s3://other/"), (["nonsense=1"], "nonsense")],
)
def test_settings_that_do_not_fit_are_refused(catalog, assignments, problem):
    with pytest.raises(InvalidInput, match=problem):
        find_bucket(catalog, "s3://photos", assignments)

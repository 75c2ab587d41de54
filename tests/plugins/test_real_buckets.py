"""The variables that lead the kit to a bucket of one's own; here it is an emulator's.

Each runs the conformance tests as somebody would who has such a bucket.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.architecture.sources import ROOT
from tests.plugins.azure.places import Place as AzurePlace
from tests.plugins.s3.places import KEY_ID, SECRET, Place
from tests.servers.azurite import run_azurite
from tests.servers.gcs import run_gcs
from tests.servers.moto import run_moto

SOME = "test_a1_ or test_l1_ or test_p1_ or test_r1_ or test_v1_"


def elsewhere(url):
    """The same place under an address that tests may not go to by themselves."""
    return url.replace("127.0.0.1", "0.0.0.0")


def conform(provider, pick, **variables):
    """Some scenarios of a provider, with these variables; what pytest says."""
    suite = ROOT / "tests/plugins" / provider / "test_conformance.py"
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(suite), "-k", f"({SOME}) and {pick}"],
        env={**os.environ, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_bucket_of_s3():
    with run_moto() as url:
        place = Place(url, KEY_ID, SECRET)
        place.create_bucket("mine")
        place.put("mine", "kept.txt")

        said = conform(
            "s3",
            "TestBucket",
            LABELDOCK_TEST_S3_BUCKET="mine",
            LABELDOCK_TEST_S3_ENDPOINT=elsewhere(url),
            LABELDOCK_TEST_S3_KEY_ID=KEY_ID,
            LABELDOCK_TEST_S3_SECRET=SECRET,
        )

        assert " s3 (real bucket)  scenario" in said
        assert "5 passed" in said
        assert place.list("mine") == ["kept.txt"]  # what is not the run's stays


def test_a_container_of_azure():
    with run_azurite() as server:
        place = AzurePlace(server.url, server.account, server.key)
        place.create_container("mine")
        place.put("mine", "kept.txt")

        said = conform(
            "azure",
            "TestContainer",
            LABELDOCK_TEST_AZURE_CONTAINER="mine",
            LABELDOCK_TEST_AZURE_ENDPOINT=elsewhere(server.url),
            LABELDOCK_TEST_AZURE_ACCOUNT=server.account,
            LABELDOCK_TEST_AZURE_KEY=server.key,
        )

        assert " azure (real container)  scenario" in said
        assert "5 passed" in said
        assert place.list("mine") == ["kept.txt"]
        place.service.close()


def test_a_bucket_of_google(tmp_path):
    with run_gcs() as server:
        bucket = server.create_bucket("mine")
        bucket.put("kept.txt", b"data", "text/plain")
        path = tmp_path / "key.json"
        path.write_text(server.build_document(token_url=elsewhere(server.url)))

        said = conform(
            "gcs",
            "TestGcs",
            LABELDOCK_TEST_GCS_BUCKET="mine",
            LABELDOCK_TEST_GCS_ENDPOINT=elsewhere(server.url),
            LABELDOCK_TEST_GCS_CREDENTIALS=str(path),
        )

        assert " gcs (real bucket)  scenario" in said
        assert "5 passed" in said
        assert list(bucket.objects) == ["kept.txt"]

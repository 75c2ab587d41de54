"""The S3 server that may be killed keeps what it has answered for."""

from __future__ import annotations

import contextlib

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.chaos.restarting import restartable_moto

KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}


@pytest.mark.full
def test_objects_outlive_a_kill_and_old_tokens_are_refused():
    with restartable_moto() as server, contextlib.ExitStack() as stack:
        s3 = boto3.client(
            "s3", endpoint_url=server.url, region_name="us-east-1", **KEYS
        )
        stack.callback(s3.close)
        s3.create_bucket(Bucket="kept")
        for number in range(5):
            s3.put_object(Bucket="kept", Key=f"{number}", Body=b"%d" % number)
        s3.delete_object(Bucket="kept", Key="3")
        page = s3.list_objects_v2(Bucket="kept", MaxKeys=2)
        server.kill()
        with (server.folder / "journal").open("ab") as journal:
            journal.write(b"torn")
        server.start()
        s3.put_object(Bucket="kept", Key="5", Body=b"5")
        server.kill()
        server.start()
        found = {
            entry["Key"]: s3.get_object(Bucket="kept", Key=entry["Key"])["Body"].read()
            for entry in s3.list_objects_v2(Bucket="kept", StartAfter="0")["Contents"]
        }
        with pytest.raises(ClientError, match="InvalidArgument"):
            s3.list_objects_v2(
                Bucket="kept", ContinuationToken=page["NextContinuationToken"]
            )

    assert found == {"1": b"1", "2": b"2", "4": b"4", "5": b"5"}

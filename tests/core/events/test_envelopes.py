"""Bodies of notifications: each known form, and what strangers may send instead."""

from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract.errors import InvalidInput, TooLarge
from labeldock.services.events.envelopes import MAX_EVENTS, iterate_keys, parse_notice

S3 = {
    "Records": [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "photos", "arn": "arn:aws:s3:::photos"},
                "object": {"key": "a+b/%C3%A4%2B1.jpg", "size": 1},
            },
        }
    ]
}
SNS = {
    "Type": "Notification",
    "TopicArn": "arn:aws:sns:eu-west-1:1:t",
    "Message": json.dumps(S3),
}
BRIDGE = {
    "version": "0",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "detail": {"bucket": {"name": "photos"}, "object": {"key": "a b/ä+1.jpg"}},
}
GCS_OBJECT = {"kind": "storage#object", "name": "a b/ä+1.jpg", "bucket": "photos"}
PUSH = {
    "message": {
        "attributes": {
            "eventType": "OBJECT_FINALIZE",
            "bucketId": "photos",
            "objectId": "a b/ä+1.jpg",
        },
        "messageId": "1",
    },
    "subscription": "projects/p/subscriptions/s",
}
PUSH_DATA = {
    "message": {"data": base64.b64encode(json.dumps(GCS_OBJECT).encode()).decode()}
}
CLOUD_GCS = {
    "specversion": "1.0",
    "type": "google.cloud.storage.object.v1.finalized",
    "subject": "objects/a b/ä+1.jpg",
    "data": {"bucket": "photos", "name": "a b/ä+1.jpg"},
}
SUBJECT = "/blobServices/default/containers/photos/blobs/a b/ä+1.jpg"
GRID = [
    {
        "id": "1",
        "eventType": "Microsoft.Storage.BlobCreated",
        "subject": SUBJECT,
        "data": {"api": "PutBlob", "url": "https://a.example/photos/a"},
    }
]
CLOUD_GRID = {
    "specversion": "1.0",
    "type": "Microsoft.Storage.BlobDeleted",
    "subject": SUBJECT,
    "data": {},
}
OWN = {"bucket": "photos", "keys": ["a b/ä+1.jpg"]}
FORMS = {
    "s3": S3,
    "sns": SNS,
    "eventbridge": BRIDGE,
    "eventbridge in sns": {"Type": "Notification", "Message": json.dumps(BRIDGE)},
    "gcs object": GCS_OBJECT,
    "pubsub": PUSH,
    "pubsub with data": PUSH_DATA,
    "cloudevents of gcs": CLOUD_GCS,
    "event grid": GRID,
    "cloudevents of azure": CLOUD_GRID,
    "cloudevents batch": [CLOUD_GRID],
    "own": OWN,
}


def parse(document):
    return parse_notice(json.dumps(document).encode())


@pytest.mark.parametrize("document", FORMS.values(), ids=FORMS)
def test_each_form_names_bucket_and_key(document):
    notice = parse(document)

    assert notice.named == [("photos", "a b/ä+1.jpg")]
    assert notice.unusable == 0
    assert list(iterate_keys(notice, "photos")) == ["a b/ä+1.jpg"]
    assert list(iterate_keys(notice, "other")) == []
    assert list(iterate_keys(notice, "")) == ["a b/ä+1.jpg"]


def test_a_key_that_may_be_quoted_or_not_is_read_both_ways():
    record = {**S3["Records"][0], "eventSource": "ceph:s3"}
    record["s3"] = {"bucket": {"name": "photos"}, "object": {"key": "a+b%20c"}}

    notice = parse({"Records": [record]})

    assert [key for _, key in notice.named] == ["a b c", "a+b%20c"]


def test_the_validation_of_event_grid_is_answered_with_its_code():
    event = {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "subject": "",
        "data": {"validationCode": "512d38b6", "validationUrl": "https://evil.example"},
    }

    notice = parse([event])

    assert notice.validation_code == "512d38b6"
    assert notice.named == []


def test_the_address_of_a_confirmation_is_kept_for_a_person():
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"

    notice = parse({"Type": "SubscriptionConfirmation", "SubscribeURL": url})

    assert notice.confirm_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/",
        "https://sns.eu-west-1.amazonaws.com.evil.example/",
        "https://evil.example/?sns.eu-west-1.amazonaws.com",
        "https://sns.eu-west-1.amazonaws.com@evil.example/",
        "https://169.254.169.254/latest/meta-data/",
        "javascript:alert(1)",
        "https://sns.eu-west-1.amazonaws.com/\n<script>",
        "https://[",
        "",
        None,
        17,
        ["https://sns.eu-west-1.amazonaws.com/"],
        "https://sns.eu-west-1.amazonaws.com/" + "a" * 3000,
    ],
)
def test_another_address_of_a_confirmation_is_refused(url):
    with pytest.raises(InvalidInput, match="not one of SNS"):
        parse({"Type": "SubscriptionConfirmation", "SubscribeURL": url})


@pytest.mark.parametrize(
    "document",
    [{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}, [],
     {"Type": "UnsubscribeConfirmation"}, {"Records": []}, {"keys": []}],
    ids=["test event", "no events", "unsubscribed", "no records", "no keys"],
)  # fmt: skip
def test_what_names_nothing_is_taken(document):
    assert parse(document).named == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"17",
        b'"text"',
        b"{}",
        b'{"message": {}}',
        b'{"message": {"data": "%%%"}}',
        b'{"Type": "Notification", "Message": "not json"}',
        b'{"Type": "Notification", "Message": 17}',
        b'{"detail": {}}',
        b'{"specversion": "1.0"}',
        b'{"eventType": "x", "subject": "y"}',
        b'[{"eventType": "x", "subject": "y"}]',
        b"[1, 2, 3]",
        b'"\\ud800"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_notification_is_refused(body):
    with pytest.raises(InvalidInput, match="no notification"):
        parse_notice(body)


def test_messages_within_messages_end():
    document = S3
    for _ in range(10):
        document = {"Type": "Notification", "Message": json.dumps(document)}

    with pytest.raises(InvalidInput):
        parse(document)


def test_events_without_a_usable_name_are_counted_beside_the_others():
    records = [
        *S3["Records"],
        {},
        None,
        17,
        {"s3": "text"},
        {"s3": {"object": {"key": 5}}},
        {"eventSource": "aws:s3", "s3": {"object": {"key": "%FF%FE"}}},
        {"s3": {"object": {"key": ""}}},
    ]

    notice = parse({"Records": records})

    assert len(notice.named) == 1
    assert notice.unusable == 7


@pytest.mark.parametrize("form", ["records", "grid", "keys"])
def test_more_events_than_a_body_may_have_are_refused(form):
    count = MAX_EVENTS + 1
    document = {
        "records": {"Records": S3["Records"] * count},
        "grid": GRID * count,
        "keys": {"keys": ["a"] * count},
    }[form]

    with pytest.raises(TooLarge, match="more than 5000 events"):
        parse(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Records", "s3", "object", "key", "bucket", "name", "Type", "Message",
                 "SubscribeURL", "detail", "message", "attributes", "objectId", "data",
                 "kind", "eventType", "type", "subject", "specversion", "keys"]
            ),
            inner | st.sampled_from(["Notification", "SubscriptionConfirmation",
                                     "storage#object", SUBJECT]),
            max_size=4,
        )
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_any_document_is_understood_or_refused(document):
    try:
        notice = parse(document)
    except InvalidInput:
        return
    assert all(isinstance(key, str) and key for _, key in notice.named)


@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_refused(body):
    with contextlib.suppress(InvalidInput):
        parse_notice(body)

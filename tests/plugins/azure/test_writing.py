"""Writing: blocks, conditions, and what is left after a failure."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from labeldock.contract import (
    ABSENT,
    ALWAYS,
    AccessDenied,
    BytesContent,
    DeleteRequest,
    FileContent,
    IntegrityError,
    PreconditionFailed,
    StorageError,
    TransientStorageError,
    Unavailable,
    WriteRequest,
    matches,
)
from labeldock.testing.answers import Answer
from labeldock.testing.contents import BrokenContent, ShortContent, build_bytes
from labeldock.testing.proxy import Reply
from labeldock_azure.clients import BLOCK_SIZE

LARGE = BLOCK_SIZE + 1


@pytest.fixture
def save(provider, storage):
    def save(key, data, condition=ALWAYS, where=storage):
        content = BytesContent(data) if isinstance(data, bytes) else data
        request = WriteRequest(key, content, "application/json", condition)
        return provider.save_annotation(where, request)

    return save


def list_blocks(place, media, key):
    return place.service.get_blob_client(media, key).get_block_list("all")


def test_up_to_a_block_is_written_with_one_request(through_proxy, proxy, save):
    save("1.bin", bytes(BLOCK_SIZE), where=through_proxy)

    assert [method for method, _ in proxy.record.requests] == ["PUT"]


def test_more_than_a_block_is_written_in_blocks(place, media, save):
    data = build_bytes(2 * BLOCK_SIZE + 5)

    save("1.bin", data)

    committed, uncommitted = list_blocks(place, media, "1.bin")
    assert [block.size for block in committed] == [BLOCK_SIZE, BLOCK_SIZE, 5]
    assert uncommitted == []
    assert place.read(media, "1.bin") == data


def test_a_file_is_written_without_being_read_whole(place, media, save, tmp_path):
    path = tmp_path / "archive.bin"
    path.write_bytes(build_bytes(LARGE))

    save("archive.bin", FileContent(path))

    assert place.read(media, "archive.bin") == path.read_bytes()


@pytest.mark.parametrize(
    "content", [ShortContent(LARGE, 1), ShortContent(LARGE, -1), BrokenContent(LARGE)]
)
def test_content_that_breaks_off_writes_no_blob(place, media, save, content):
    with pytest.raises(IntegrityError, match=r"bytes long|any further"):
        save("1.bin", content)

    assert place.list(media) == []


def test_blocks_whose_condition_fails_change_nothing(place, media, save):
    etag = place.put(media, "1.bin", b"old")
    place.put(media, "1.bin", b"new")

    for condition in (ABSENT, matches(etag)):
        with pytest.raises(PreconditionFailed, match="not the one expected"):
            save("1.bin", bytes(LARGE), condition)

    assert place.read(media, "1.bin") == b"new"


def test_blocks_replace_the_blob_that_is_expected(place, media, save):
    etag = place.put(media, "1.bin", b"old")

    save("1.bin", bytes(LARGE), matches(etag))

    assert place.read(media, "1.bin") == bytes(LARGE)


class MeetingContent:
    """Content whose writers wait for one another before they send the last block."""

    def __init__(self, data, meeting):
        self.data = data
        self.meeting = meeting
        self.size = len(data)

    def open(self):
        return MeetingStream(self.data, self.meeting)


class MeetingStream(io.BytesIO):
    def __init__(self, data, meeting):
        super().__init__(data)
        self.meeting = meeting

    def read(self, size=-1):
        if not (data := super().read(size)) and self.meeting:
            self.meeting.wait(20)
            self.meeting = None
        return data


def test_blocks_of_writers_that_meet_are_not_mixed(place, media, save):
    meeting = threading.Barrier(4)
    contents = [bytes([number]) * (LARGE + number) for number in range(4)]

    def attempt(data):
        try:
            save("1.bin", MeetingContent(data, meeting))
        except TransientStorageError:
            return None  # somebody else put the blob together meanwhile
        return data

    with ThreadPoolExecutor(4) as pool:
        saved = [each for each in pool.map(attempt, contents) if each]

    assert saved
    assert place.read(media, "1.bin") in saved


def test_a_conditional_write_whose_answer_was_lost_is_not_certain(
    place, media, through_proxy, proxy, save
):
    # The server has written it when it fails, and the second try finds its own blob.
    proxy.add(Reply(Answer(500)), method="PUT")
    place.put(media, "1.json", b"{}")

    with pytest.raises((Unavailable, PreconditionFailed), match="not known") as caught:
        save("1.json", b"{}", ABSENT, where=through_proxy)

    assert isinstance(caught.value, Unavailable)


def test_a_deletion_whose_answer_was_lost_did_delete(
    place, media, through_proxy, proxy, provider
):
    proxy.add(Reply(Answer(500)), method="DELETE")

    deletion = provider.delete_annotation(through_proxy, DeleteRequest("1.json"))

    assert deletion.existed


def test_a_blob_of_another_kind_is_refused(through_proxy, proxy, save):
    # Azure says so; Azurite overwrites it.
    proxy.add(Reply(Answer(409, {"x-ms-error-code": "InvalidBlobType"})))

    with pytest.raises(StorageError, match="of another kind") as caught:
        save("1.bin", b"new", where=through_proxy)

    assert type(caught.value) is StorageError


def test_a_blob_that_somebody_holds_is_protected(place, media, save, provider, storage):
    place.put(media, "1.json", b"old")
    lease = place.service.get_blob_client(media, "1.json").acquire_lease(15)

    with pytest.raises(AccessDenied, match="protected") as caught:
        save("1.json", b"new")
    with pytest.raises(AccessDenied, match="protected"):
        provider.delete_annotation(storage, DeleteRequest("1.json"))
    lease.release()

    assert "lease" in caught.value.remedy
    assert place.read(media, "1.json") == b"old"


def test_a_blob_is_deleted_with_its_snapshots(place, media, provider, storage):
    place.put(media, "1.json")
    place.service.get_blob_client(media, "1.json").create_snapshot()

    assert provider.delete_annotation(storage, DeleteRequest("1.json")).existed
    assert place.list(media) == []


def test_a_deletion_of_another_version_is_refused_by_the_service(
    place, media, provider, storage
):
    etag = place.put(media, "1.json", b"one")
    place.put(media, "1.json", b"two")

    with pytest.raises(PreconditionFailed, match="not the one expected"):
        provider.delete_annotation(storage, DeleteRequest("1.json", matches(etag)))

    assert place.read(media, "1.json") == b"two"

"""Of several storages, the right one answers; none serves beyond its prefix."""

from __future__ import annotations

import pytest

from labeldock.contract import NotFound, Purpose
from labeldock.services.resolving.storages import Origin, load_sources
from tests.core.resolving.sources import build, source


@pytest.mark.parametrize(
    ("sources", "uri", "origin", "chosen"),
    [
        # the bucket decides
        ([source(1, "s3://a/"), source(2, "s3://b/")], "s3://b/k", None, (2, "k")),
        ([source(1, "s3://a/"), source(2, "s3://b/")], "s3://b/k", 1, (2, "k")),
        ([source(1, "s3://b/")], "s3://bb/k", None, None),
        ([source(1, "s3://b/")], "gs://b/k", None, None),
        ([source(1, "s3://b/")], "s3://b/", None, None),
        ([source(1, "s3://B/")], "s3://b/k", None, None),
        # then the longest prefix
        ([source(1), source(2, prefix="p/")], "s3://b/p/k", None, (2, "p/k")),
        ([source(1), source(2, prefix="p/")], "s3://b/p/k", 1, (2, "p/k")),
        ([source(1), source(2, prefix="p/")], "s3://b/q/k", 2, (1, "q/k")),
        ([source(2, prefix="p/"), source(1, prefix="p/q/")], "s3://b/p/q/k", 2, (1, 0)),
        ([source(1, "s3://b/"), source(2, "s3://b/p/")], "s3://b/p/k", None, (2, "k")),
        # then the storage that the task came from, then the lowest number
        ([source(1), source(2)], "s3://b/k", None, (1, "k")),
        ([source(2), source(1)], "s3://b/k", None, (1, "k")),
        ([source(1), source(2)], "s3://b/k", 2, (2, "k")),
        ([source(1), source(2)], "s3://b/k", 3, (1, "k")),
        # the prefix is a boundary
        ([source(1, prefix="p/")], "s3://b/k", None, None),
        ([source(1, prefix="p/")], "s3://b/pq/k", None, None),
        ([source(1, prefix="p/")], "s3://b/p/", None, (1, "p/")),
        ([source(1, prefix="p")], "s3://b/pq/k", None, (1, "pq/k")),
        ([source(1, prefix="p/")], "s3://b/p/../k", None, None),
        ([source(1, prefix="p/")], "s3://b/p/../p-secret/k", None, None),
        ([source(1, prefix="p/")], "s3://b/p/a/../../k", None, None),
        ([source(1, prefix="p/")], "s3://b/p/a/../k", None, (1, "p/a/../k")),
        ([source(1, prefix="p/")], "s3://b/p/a..b", None, (1, "p/a..b")),
        ([source(1)], "s3://b/../k", None, (1, "../k")),
        # a provider may know several schemes
        ([source(1, "az://c/", "", "azure://c/")], "azure://c/k", None, (1, "k")),
    ],
)
def test_the_storage_is_chosen_by_bucket_prefix_origin_and_number(
    sources, uri, origin, chosen
):
    found = build(*sources).find(uri, origin)

    if chosen is None:
        assert found is None
    else:
        number, key = chosen
        assert (found.source.id, found.key) == (number, key or "p/q/k")


def test_a_uri_that_no_storage_answers_for_is_not_found():
    with pytest.raises(NotFound, match="No storage of the project answers") as caught:
        build(source(1)).locate("s3://other/k", None)

    assert caught.value.field == "fileuri"


def test_a_task_s_own_object_is_known_by_storage_and_key():
    sources = build(source(1, prefix="p/"), source(2, "s3://c/"))

    assert sources.is_origin("s3://b/p/k", Origin(1, "p/k"))
    assert not sources.is_origin("s3://b/p/k", Origin(2, "p/k"))
    assert not sources.is_origin("s3://b/p/k", Origin(1, "p/other"))
    assert not sources.is_origin("s3://b/p/k", Origin(None, None))


# From the database


def load(place):
    with place.app.database.read() as session:
        return load_sources(place.app.catalog, session, place.project)


def test_the_import_storages_of_the_project_answer_never_synced_or_not(
    place, bucket, build_workplace
):
    bucket.put("p/k")
    bucket.put("root")
    storage = place.add(prefix="p", presign=False, use_blob_urls=True)
    place.add(Purpose.EXPORT)
    build_workplace(place.app).add(use_blob_urls=True)

    sources = load(place)

    (only,) = sources.sources
    assert (only.id, only.bases, only.prefix) == (
        storage.id,
        ("memory://media/", "mem://media/"),
        "p/",
    )
    assert not only.presign
    assert sources.schemes == {"memory", "mem"}


def test_a_literal_prefix_is_taken_as_it_is(sqlite_place, bucket):
    bucket.put("part-1.jpg")
    sqlite_place.add(prefix="part", literal_prefix=True, use_blob_urls=True)

    (only,) = load(sqlite_place).sources

    assert only.prefix == "part"


def test_a_storage_whose_provider_is_gone_is_still_known_by_its_uris(
    sqlite_place, bucket, open_app, sqlite_installation, catalog_without_providers
):
    bucket.put("k")
    sqlite_place.add(use_blob_urls=True)
    app = open_app(sqlite_installation, catalog=catalog_without_providers)

    with app.database.read() as session:
        sources = load_sources(app.catalog, session, sqlite_place.project)

    assert sources.find("memory://media/k", None) is not None

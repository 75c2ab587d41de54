"""A glance at the links of a page: whatever is not as it was is seen."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from labeldock.contract.values import ObjectInfo
from labeldock.db.tables import ImportLink
from labeldock.services.importing.glance import glance_at_links, is_as_known
from tests.core.importing.conftest import tell
from tests.core.importing.test_blobs import BLOBS

LINK = ImportLink.__table__


def test_only_the_same_keys_with_the_same_etags_are_as_known():
    objects = [ObjectInfo("a", 1, "x"), ObjectInfo("b", 2, "y")]
    links = [("a", "x", 1), ("b", "y", 1)]

    assert is_as_known(objects, links)
    assert not is_as_known(objects[:1], links)
    assert not is_as_known(objects, links[:1])
    assert not is_as_known(objects, [("a", "x", 1), ("b", "z", 1)])
    assert not is_as_known(objects, [("a", "x", 1), ("b", "y", 0)])
    assert not is_as_known(objects, [("a", "x", 1), ("c", "y", 1)])


@pytest.mark.parametrize(
    ("changes", "settled", "told"),
    [
        ({"state": "kept_away"}, 1, {}),
        ({"object_exists": False}, 0, {"returned": 1}),
        ({"object_changed": True}, 0, {}),
        ({"state": "failed"}, 0, {"failed": 1}),
    ],
    ids=["kept away", "gone", "flagged", "failed"],
)
def test_links_that_something_is_to_be_done_about_are_seen(
    place, bucket, changes, settled, told
):
    bucket.put_all(dict.fromkeys("abc", "x"))
    storage = place.add(**BLOBS)
    place.sync(storage)
    with place.app.database.write_connection() as connection:
        mine = update(LINK).where(LINK.c.key == "b")
        connection.execute(mine.values(changes))

    glance, second, first = (
        glance_at_links(place.app, storage.id, bounds, limit)
        for bounds, limit in (((None, None), 10), (("a", "b"), 10), ((None, None), 2))
    )
    run = place.sync(storage)

    assert [link[::2] for link in glance] == [("a", 1), ("b", settled), ("c", 1)]
    assert (second, first) == (glance[1:2], glance[:2])
    found = tell(run)
    assert {
        name: found[name] for name in found if name not in {"seen", "existed"}
    } == told

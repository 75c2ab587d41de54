"""Changes of a storage: at once with others, and of where its secrets are sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import pytest
from pydantic import Field
from sqlmodel import update

from labeldock.contract import (
    ENDPOINT,
    Conflict,
    InvalidInput,
    Purpose,
    hookimpl,
)
from labeldock.db.tables import StorageSecret
from labeldock.services import storages
from labeldock.services.connections import load_connection
from labeldock.services.importing.browsing import browse_storage
from labeldock.services.storage_fields import StorageDraft
from labeldock.testing.plugins import build_catalog
from tests.core.concurrency import run_at_once
from tests.core.scripted import ScriptedOptions, ScriptedProvider

SECRET = "s3cret-of-the-bucket"
HOME, ELSEWHERE = "https://bucket.example", "https://evil.example"


class AddressedOptions(ScriptedOptions):
    """Of which an address can be chosen, and another be part of a path."""

    server: Annotated[str | None, ENDPOINT] = Field(default=None)
    path: str | None = None

    def list_endpoints(self):
        found = super().list_endpoints()
        return (*found, ("path", self.path)) if self.path else found


class AddressedProvider(ScriptedProvider):
    @hookimpl
    def describe(self):
        info = ScriptedProvider.describe(self)
        return replace(
            info, import_options=AddressedOptions, export_options=AddressedOptions
        )


@pytest.fixture
def provider():
    made = AddressedProvider()
    made.create_bucket("media")
    return made


@pytest.fixture
def spot(provider, bucket, open_app, installation, build_workplace):
    bucket.put("a.json", '{"n": 1}')
    return build_workplace(open_app(installation, catalog=build_catalog(provider)))


def change(place, storage, **values):
    return storages.update_storage(
        place.app, place.owner, storage.id, storage.purpose, values
    )


def secret_of(place, storage):
    return load_connection(place.app, storage.id).ref.options.password


def refuse(act):
    """The problem with the secret that it is refused with."""
    with pytest.raises(InvalidInput, match="another address") as caught:
        act()
    (problem,) = caught.value.problems
    assert problem.field == "password"
    assert "Enter it again" in problem.remedy
    assert SECRET not in str(problem)
    return problem


# Where secrets are sent


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"server": ELSEWHERE}, "server"),
        ({"server": None}, "server"),
        ({"server": ELSEWHERE, "title": "Birds"}, "server"),
        ({"path": ELSEWHERE}, "path"),
    ],
)
def test_a_stored_secret_is_not_sent_to_another_address(spot, provider, values, name):
    made = spot.add(server=HOME, password=SECRET)
    before = provider.calls["validate"]

    assert name in refuse(lambda: change(spot, made, **values)).message

    assert provider.calls["validate"] == before
    assert spot.show(made) == made


@pytest.mark.parametrize("look", ["validate", "browse"])
def test_nor_is_it_when_a_draft_over_the_storage_is_looked_at(spot, provider, look):
    made = spot.add(server=HOME, password=SECRET)
    before = provider.calls.copy()

    def ask(**values):
        draft = StorageDraft(spot.project, Purpose.IMPORT, "memory", values)
        if look == "browse":
            return browse_storage(
                spot.app, spot.owner, draft, storage_id=made.id, limit=5
            )
        return storages.validate_storage(
            spot.app, spot.owner, draft, storage_id=made.id
        )

    refuse(lambda: ask(server=ELSEWHERE))

    assert provider.calls == before
    ask(server=HOME)
    ask(server=ELSEWHERE, password="new")
    assert sum(provider.calls.values()) > sum(before.values())


def test_a_secret_that_is_entered_again_may_go_to_another_address(spot):
    made = spot.add(server=HOME, password=SECRET)

    changed = change(spot, made, server=ELSEWHERE, password=SECRET)

    assert changed.settings["server"] == ELSEWHERE
    assert secret_of(spot, made).get_secret_value() == SECRET


def test_an_address_that_stays_keeps_the_secret(spot):
    made = spot.add(server=HOME, password=SECRET)

    changed = change(spot, made, server=HOME, level=4, prefix="")

    assert changed.settings["level"] == 4
    assert secret_of(spot, made).get_secret_value() == SECRET


def test_without_a_secret_the_address_is_free(spot):
    made = spot.add(server=HOME)

    assert change(spot, made, server=ELSEWHERE).settings["server"] == ELSEWHERE


def test_a_secret_that_cannot_be_read_can_be_entered_again(spot):
    made = spot.add(server=HOME, password=SECRET)
    with spot.app.database.write() as session:
        session.execute(update(StorageSecret).values(key_id="lost"))

    changed = change(spot, made, server=ELSEWHERE, password="new")

    assert changed.settings["server"] == ELSEWHERE
    assert secret_of(spot, made).get_secret_value() == "new"


# At once


def test_two_changes_at_once_are_both_kept(spot, provider):
    made = spot.add(password=SECRET)
    acts = [
        lambda: change(spot, made, level=7),
        lambda: change(spot, made, password="new"),
        lambda: change(spot, made, title="Birds"),
        lambda: change(spot, made, presign_ttl=9),
    ]

    outcomes = run_at_once(*acts)

    assert [o for o in outcomes if isinstance(o, Exception)] == []
    shown = spot.show(made)
    assert (shown.settings["level"], shown.fields["title"]) == (7, "Birds")
    assert shown.fields["presign_ttl"] == 9
    assert secret_of(spot, made).get_secret_value() == "new"


def test_a_slow_change_does_not_bring_an_old_secret_back(spot, provider):
    made = spot.add(password=SECRET)

    def overtake(_request):
        provider.before.pop("validate")
        change(spot, made, password="new", title="Birds")

    provider.before["validate"] = overtake
    changed = change(spot, made, level=7)

    assert secret_of(spot, made).get_secret_value() == "new"
    assert (changed.settings["level"], changed.fields["title"]) == (7, "Birds")


def test_a_change_that_is_always_overtaken_is_refused_with_a_remedy(spot, provider):
    made = spot.add(password=SECRET)
    count = 0

    def overtake(_request):
        nonlocal count
        count += 1
        change(spot, made, title=f"Birds {count}")  # looked at by nobody

    provider.before["validate"] = overtake
    with pytest.raises(Conflict, match="changed by somebody else") as caught:
        change(spot, made, level=7)

    assert caught.value.field == "storage"
    assert "send your change again" in caught.value.remedy
    assert (spot.show(made).settings["level"], count) == (1, 10)

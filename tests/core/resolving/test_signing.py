"""Links of our own: they open one key, for a while, and cannot be forged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract import NotAllowed
from labeldock.db.secrets import Vault
from labeldock.services.resolving.signing import (
    MediaGrant,
    open_grant,
    seal_grant,
    sign_media_url,
)

VAULT = Vault(["a master key for tests"])
OTHER = Vault(["another master key of theirs"])
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SOON = int(NOW.timestamp()) + 60
GRANT = MediaGrant(7, "a/ü 1.jpg", SOON, "image/jpeg", "inline")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_a_token_opens_what_it_was_made_for(key):
    grant = MediaGrant(7, key, SOON)

    assert open_grant(VAULT, seal_grant(VAULT, grant), NOW) == grant


def test_the_url_says_when_it_ends_and_does_not_show_itself():
    signed = sign_media_url(VAULT, "https://labels.example.org/", GRANT)

    assert signed.url.startswith("https://labels.example.org/media/")
    assert signed.expires_at == NOW + timedelta(seconds=60)
    assert signed.url not in repr(signed)


def test_a_token_ends_at_its_time():
    token = seal_grant(VAULT, GRANT)

    assert open_grant(VAULT, token, NOW + timedelta(seconds=59)) == GRANT
    with pytest.raises(NotAllowed, match="expired"):
        open_grant(VAULT, token, NOW + timedelta(seconds=60))


def test_a_token_of_another_installation_is_refused():
    with pytest.raises(NotAllowed, match="not valid"):
        open_grant(OTHER, seal_grant(VAULT, GRANT), NOW)


@given(st.integers(0, 10_000), st.characters(codec="ascii"))
def test_a_changed_token_is_refused(position, character):
    token = seal_grant(VAULT, GRANT)
    place = position % len(token)
    changed = token[:place] + character + token[place + 1 :]
    if changed == token:
        return

    with pytest.raises(NotAllowed, match="not valid"):
        open_grant(VAULT, changed, NOW)


@pytest.mark.parametrize("token", ["", ".", "a", "a.b", "ü.ü", ".." * 50, "a.b.c"])
def test_nonsense_is_refused(token):
    with pytest.raises(NotAllowed, match="not valid"):
        open_grant(VAULT, token, NOW)


def test_the_payload_of_one_token_does_not_go_with_the_seal_of_another():
    first = seal_grant(VAULT, GRANT)
    second = seal_grant(VAULT, MediaGrant(8, "secret.jpg", SOON))
    mixed = f"{second.partition('.')[0]}.{first.partition('.')[2]}"

    with pytest.raises(NotAllowed, match="not valid"):
        open_grant(VAULT, mixed, NOW)

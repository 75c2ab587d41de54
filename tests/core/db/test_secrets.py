from __future__ import annotations

import stat

import pytest

from labeldock.contract import ConfigurationError
from labeldock.db.secrets import KEY_FILE, EncryptedValue, Vault, load_vault
from labeldock.settings import Settings
from tests.core.concurrency import PROCESSES

OLD, NEW = "an old master key ä", "a newer master key"
PLACE = {"storage_id": 7, "field": "aws_secret_access_key"}
SECRET = "s3cret ä 😀"


def test_what_was_encrypted_can_be_decrypted():
    vault = Vault([OLD])

    assert vault.decrypt(vault.encrypt(SECRET, **PLACE), **PLACE) == SECRET


def test_the_same_secret_never_looks_the_same():
    vault = Vault([OLD])

    first, second = (vault.encrypt(SECRET, **PLACE) for _ in range(2))

    assert first.ciphertext != second.ciphertext
    assert SECRET.encode() not in first.ciphertext


@pytest.mark.parametrize(
    "place",
    [
        {**PLACE, "storage_id": 8},
        {**PLACE, "field": "aws_session_token"},
        {"storage_id": 77, "field": PLACE["field"]},
    ],
)
def test_a_secret_cannot_be_moved_to_another_place(place):
    vault = Vault([OLD])
    sealed = vault.encrypt(SECRET, **PLACE)

    with pytest.raises(ConfigurationError, match="cannot be read"):
        vault.decrypt(sealed, **place)


def test_a_changed_secret_is_refused():
    vault = Vault([OLD])
    sealed = vault.encrypt(SECRET, **PLACE)
    for place in (0, 12, len(sealed.ciphertext) - 1):
        changed = bytearray(sealed.ciphertext)
        changed[place] ^= 1

        with pytest.raises(ConfigurationError, match="cannot be read"):
            vault.decrypt(EncryptedValue(sealed.key_id, bytes(changed)), **PLACE)


def test_a_key_is_rotated_by_putting_a_new_one_in_front():
    before, both, after = Vault([OLD]), Vault([NEW, OLD]), Vault([NEW])
    sealed = before.encrypt(SECRET, **PLACE)

    assert both.decrypt(sealed, **PLACE) == SECRET
    assert not both.is_current(sealed)
    renewed = both.encrypt(both.decrypt(sealed, **PLACE), **PLACE)
    assert both.is_current(renewed)
    assert after.decrypt(renewed, **PLACE) == SECRET
    with pytest.raises(ConfigurationError, match="cannot be read"):
        after.decrypt(sealed, **PLACE)


def test_the_error_for_a_wrong_key_tells_what_to_do_and_no_secret():
    sealed = Vault([OLD]).encrypt(SECRET, **PLACE)

    with pytest.raises(ConfigurationError, match="storage 7") as caught:
        Vault([NEW]).decrypt(sealed, **PLACE)

    shown = f"{caught.value} {caught.value.remedy} {caught.value.context}"
    assert caught.value.field == PLACE["field"]
    assert "Add the earlier key to LABELDOCK_SECRET_KEY" in shown
    assert not {word for word in (SECRET, OLD, NEW) if word in shown}


def test_a_vault_shows_no_key():
    vault = Vault([NEW, OLD])

    assert not {key for key in (NEW, OLD) if key in f"{vault!r} {vault}"}


def test_derived_keys_differ_by_purpose_and_by_master_key():
    keys = {
        Vault([master]).derive_key(purpose)
        for master in (OLD, NEW)
        for purpose in ("sessions", "fingerprint")
    }

    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


# Where the key comes from


def test_a_key_is_made_once_beside_sqlite(tmp_path):
    settings = Settings(home=tmp_path / "home")

    sealed = load_vault(settings).encrypt(SECRET, **PLACE)
    again = load_vault(settings)

    path = tmp_path / "home" / KEY_FILE
    assert again.decrypt(sealed, **PLACE) == SECRET
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [KEY_FILE]


def test_a_key_is_made_beside_sqlite_wherever_its_file_is(tmp_path):
    url = f"sqlite:///{tmp_path}/elsewhere.db"

    assert load_vault(Settings(home=tmp_path, database_url=url))


def test_a_given_key_is_used_and_no_file_is_made(tmp_path):
    load_vault(Settings(home=tmp_path, secret_key=NEW))

    assert list(tmp_path.iterdir()) == []


def test_several_keys_are_separated_by_commas(tmp_path):
    sealed = Vault([OLD]).encrypt(SECRET, **PLACE)

    vault = load_vault(Settings(home=tmp_path, secret_key=f"{NEW}, {OLD},"))

    assert vault.decrypt(sealed, **PLACE) == SECRET
    assert not vault.is_current(sealed)


def test_another_database_needs_a_key_and_the_error_says_how_to_make_one(tmp_path):
    settings = Settings(home=tmp_path, database_url="postgresql://host/name")

    with pytest.raises(ConfigurationError, match="LABELDOCK_SECRET_KEY") as caught:
        load_vault(settings)

    assert caught.value.field == "LABELDOCK_SECRET_KEY"
    assert "python3 -c" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keys", ["tiny-key", f"{NEW},tiny-key"])
def test_a_short_key_is_refused(tmp_path, keys):
    with pytest.raises(ConfigurationError, match="shorter than 16") as caught:
        load_vault(Settings(home=tmp_path, secret_key=keys))

    assert keys not in f"{caught.value} {caught.value.remedy}"


def make_key(home, start, results):
    start.wait(60)
    vault = load_vault(Settings(home=home))
    results.put(vault.derive_key("race").hex())


def test_processes_that_start_at_once_make_one_key(tmp_path):
    start, results = PROCESSES.Event(), PROCESSES.Queue()
    arguments = (tmp_path / "home", start, results)
    processes = [PROCESSES.Process(target=make_key, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    start.set()
    keys = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)

    assert keys == {
        load_vault(Settings(home=tmp_path / "home")).derive_key("race").hex()
    }
    assert [path.name for path in (tmp_path / "home").iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((tmp_path / "home" / KEY_FILE).stat().st_mode) == 0o600


def test_what_is_sealed_for_one_owner_opens_for_no_other():
    vault = Vault([NEW, OLD])
    sealed = Vault([OLD]).seal(SECRET, owner="webhook:1")

    assert vault.unseal(sealed, owner="webhook:1") == SECRET
    for owner in ("webhook:11", "storage:1:secret", ""):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            vault.unseal(sealed, owner=owner)
    with pytest.raises(ConfigurationError, match="present master keys"):
        Vault([NEW]).unseal(sealed, owner="webhook:1")

"""Connecting a storage by the form: what it asks, what it checks, what it keeps."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from PIL import Image
from pydantic import Field, SecretStr

from labeldock.contract import (
    Availability,
    Problem,
    Purpose,
    ValidationReport,
    hookimpl,
)
from labeldock.host.egress import EgressRefused
from labeldock.services import storages
from labeldock.testing.memory import MemoryOptions, MemoryProvider
from labeldock.web.console.connection_checks import explain
from labeldock.web.console.sealed_secrets import open_secrets, seal_secrets

SECRET = "a-secret-typed-into-the-form"


class GuardedOptions(MemoryOptions):
    """A bucket that wants a token."""

    token: SecretStr = Field(title="Token")


class GuardedProvider(MemoryProvider):
    """Memory whose storages have a secret."""

    @hookimpl
    def describe(self):
        return replace(
            super().describe(),
            import_options=GuardedOptions,
            export_options=GuardedOptions,
        )


@pytest.fixture
def memory():
    provider = GuardedProvider()
    provider.create_bucket("media")
    return provider


@pytest.fixture
def path(project):
    return f"/projects/{project.id}/storages/new"


@pytest.fixture
def send(browser, path):
    """Press one of the form's buttons."""

    def press(action, **fields):
        values = {"purpose": "import", "action": action, "bucket": "media"}
        values["token"] = SECRET
        values |= {"use_blob_urls": "True", "synchronizable": "on", **fields}
        return browser.post(f"{path}/memory/", data=values, follow_redirects=False)

    return press


def outcomes(text):
    """Question -> outcome, as the page says them."""
    found = re.findall(
        r"<strong>([^<]+)</strong>\s*<span class=\"pill [a-z]+\">([^<]+)</span>", text
    )
    return dict(found)


def picture():
    file = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(file, "PNG")
    return file.getvalue()


def test_every_installed_provider_is_offered(browser, path, app):
    text = browser.get(f"{path}/").text

    assert len(app.catalog.providers) > 1
    for provider in app.catalog.providers:
        assert f'href="{provider.info.name}/?purpose=import"' in text


@pytest.mark.parametrize("purpose", ["import", "export"])
def test_the_form_asks_for_what_the_provider_needs(browser, path, purpose):
    text = browser.get(f"{path}/memory/", params={"purpose": purpose}).text

    assert re.search(r'<input id="bucket" name="bucket"[^>]* required', text)
    assert f'name="purpose" value="{purpose}"' in text
    assert ("See what it would bring" in text) == (purpose == "import")


def test_a_check_says_what_passes_and_saves_nothing(send, put_object, app, owner):
    put_object("a.jpg")

    answer = send("check")

    assert set(outcomes(answer.text).values()) <= {"passed", "advice"}
    assert len(outcomes(answer.text)) == 6
    assert not list_storages(app, owner)


def list_storages(app, owner):
    return storages.list_storages(app, owner.principal, 1, Purpose.IMPORT)


def test_a_check_that_fails_says_where_it_stopped_and_what_to_do(send):
    found = outcomes(send("check", bucket="missing").text)

    assert found["The settings are complete"] == "passed"
    assert found["The server answers"] == "passed"
    assert found["The bucket or folder is there"] == "failed"
    assert found["Something in it would be imported"] == "not reached"


def test_who_was_never_asked_has_not_answered():
    refused = Problem("endpoint", "No.", code=EgressRefused.code)
    checks = explain(
        Purpose.IMPORT, ValidationReport(Availability.FORBIDDEN, (refused,))
    )

    found = {check.name: check.outcome for check in checks}
    assert (found["settings"], found["server"]) == ("passed", "failed")
    assert found["access"] == "not reached"


def test_what_is_left_out_is_said_at_its_field(send):
    answer = send("check", bucket="")

    assert outcomes(answer.text)["The settings are complete"] == "failed"
    assert 'id="bucket-error1"' in answer.text


def test_a_filter_that_drops_everything_is_found_before_connecting(send, put_object):
    put_object("a.jpg")

    answer = send("check", regex_filter="nothing.*")

    assert outcomes(answer.text)["Something in it would be imported"] == "failed"
    assert 'href="#regex_filter"' in answer.text


def test_a_preview_counts_and_shows_the_first_pictures(send, put_object):
    put_object("a.png", picture())
    put_object("b.png", b"this is no picture")
    put_object("c.txt", b"text")

    text = send("preview", regex_filter=r".*\.png").text

    assert text.count("data:image/webp;base64,") == 1
    assert "<dt>Dropped by the filter</dt><dd>1</dd>" in text
    assert "<dt>Would be imported</dt><dd>2</dd>" in text


def test_connecting_goes_to_the_first_sync(send, put_object, app, owner):
    put_object("a.jpg")

    answer = send("connect", sync_now="on", title="Pictures")

    [storage] = list_storages(app, owner)
    assert storage.fields["title"] == "Pictures"
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/projects/1/runs/{storage.run.id}/"


def test_a_secret_typed_once_is_not_asked_for_again_and_never_sent_back(
    browser, path, app, owner, put_object
):
    put_object("a.jpg")
    values = {"purpose": "import", "bucket": "media", "use_blob_urls": "True"}
    first = browser.post(
        f"{path}/memory/", data={**values, "action": "check", "token": SECRET}
    )
    sealed = re.search(r'name="sealed" value="([^"]+)"', first.text)[1]

    browser.post(
        f"{path}/memory/", data={**values, "action": "connect", "sealed": sealed}
    )

    [storage] = list_storages(app, owner)
    assert SECRET not in first.text
    assert first.headers["cache-control"] == "no-store"
    assert "token" in storage.secrets_set


def test_a_sealed_secret_opens_for_the_same_form_alone(app):
    sealed = seal_secrets(app.vault, "1:1:memory:import", {"token": SECRET})

    assert SECRET not in sealed
    assert open_secrets(app.vault, "1:1:memory:import", sealed) == {"token": SECRET}
    assert open_secrets(app.vault, "2:1:memory:import", sealed) == {}
    assert open_secrets(app.vault, "1:1:memory:import", sealed[:-6] + "AAAA==") == {}
    assert open_secrets(app.vault, "1:1:memory:import", "nonsense") == {}


def test_viewers_are_not_let_in(client, viewer, path):
    assert client.get(f"{path}/", headers=viewer).status_code == 403
    assert client.get(f"{path}/memory/", headers=viewer).status_code == 403


def test_a_provider_that_is_not_there_is_a_page_that_says_so(browser, path):
    answer = browser.get(f"{path}/nothing/")

    assert answer.status_code in {400, 404}
    assert "there is no provider" in answer.text

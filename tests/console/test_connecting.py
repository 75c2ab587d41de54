"""Connecting a bucket in a browser: checked and looked into before it is saved."""

from __future__ import annotations

import io
from contextlib import ExitStack

import boto3
import pytest
from playwright.sync_api import expect

from labeldock.cli.demo.drawing import draw_landscape
from labeldock.contract import Purpose
from labeldock.services import storages
from tests.servers.starting import start_server
from tests.servers.swift import run_swift


def draw(seed):
    file = io.BytesIO()
    draw_landscape(seed).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def form(site, tab):
    """The form of an S3 bucket, filled in but for the bucket's name."""
    project_id = site.create_project("Connected by hand")
    tab.goto(f"/projects/{project_id}/storages/new/s3/")
    tab.get_by_label("Endpoint", exact=False).first.fill(site.s3_url)
    tab.locator("#aws_access_key_id").fill("any")
    tab.locator("#aws_secret_access_key").fill("typed-once")
    tab.locator("#use_blob_urls").select_option("True")
    tab.project_id = project_id
    return tab


def list_connected(site, project_id):
    owner = site.people["owner"]
    return storages.list_storages(site.app, owner, project_id, Purpose.IMPORT)


def test_a_wrong_bucket_is_put_right_by_what_the_check_says(site, form):
    for number in range(3):
        site.put(f"shapes/{number}.png", draw(number))
    form.locator("#bucket").fill("no-such-bucket")
    form.get_by_role("button", name="Check connection").click()

    findings = form.locator("#findings")
    expect(findings.get_by_text("failed")).to_be_visible()
    expect(findings.get_by_text("What to do:")).to_be_visible()
    assert not list_connected(site, form.project_id)

    form.locator("#bucket").fill("media")
    form.locator("#prefix").fill("shapes")
    form.get_by_role("button", name="Check connection").click()
    expect(findings.get_by_text("passed")).not_to_have_count(0)
    expect(findings.get_by_text("failed")).to_have_count(0)

    form.get_by_role("button", name="See what it would bring").click()
    expect(findings.locator("img")).to_have_count(3)
    assert form.locator("#aws_secret_access_key").input_value() == "typed-once"

    form.get_by_role("button", name="Connect", exact=True).click()
    form.wait_for_url("**/runs/*/")
    [storage] = list_connected(site, form.project_id)
    assert "aws_secret_access_key" in storage.secrets_set


def test_without_scripts_the_secret_is_typed_once_all_the_same(site, open_tab):
    project_id = site.create_project("Without scripts")
    site.put("shapes/a.png", draw(1))
    tab = open_tab(java_script_enabled=False)
    tab.goto(f"/projects/{project_id}/storages/new/s3/")
    tab.locator("#bucket").fill("media")
    tab.locator("#s3_endpoint").fill(site.s3_url)
    tab.locator("#aws_access_key_id").fill("any")
    tab.locator("#aws_secret_access_key").fill("typed-once")
    tab.locator("#use_blob_urls").select_option("True")
    tab.locator("#recursive_scan").check()
    tab.get_by_role("button", name="Check connection").click()

    assert tab.locator("#aws_secret_access_key").input_value() == ""
    assert "typed-once" not in tab.content()
    tab.get_by_role("button", name="Connect", exact=True).click()

    assert len(list_connected(site, project_id)) == 1


@pytest.mark.full  # Swift takes its time to start
def test_a_wrong_key_is_put_right_by_what_the_check_says(site, form):
    with ExitStack() as stack:
        server = start_server(stack, run_swift())
        keys = {
            "aws_access_key_id": server.key_id,
            "aws_secret_access_key": server.secret,
        }
        s3 = boto3.client(
            "s3", endpoint_url=server.url, region_name=server.region, **keys
        )
        s3.create_bucket(Bucket="guarded")
        s3.put_object(Bucket="guarded", Key="a.png", Body=draw(1))
        s3.close()
        form.locator("#s3_endpoint").fill(server.url)
        form.locator("#bucket").fill("guarded")
        form.locator("#aws_access_key_id").fill(server.key_id)
        form.get_by_role("button", name="Check connection").click()

        findings = form.locator("#findings")
        access = findings.get_by_role("listitem").filter(has_text="lets us in")
        expect(access.get_by_text("failed")).to_be_visible()
        expect(access.get_by_text("What to do:")).to_be_visible()

        form.locator("#aws_secret_access_key").fill(server.secret)
        form.get_by_role("button", name="Check connection").click()
        expect(access.get_by_text("passed")).to_be_visible()
        form.get_by_role("button", name="Connect", exact=True).click()
        form.wait_for_url("**/runs/*/")
        assert len(list_connected(site, form.project_id)) == 1

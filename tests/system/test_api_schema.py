"""The schema at /api/schema: valid, whole, true to the routes, with no secret shown."""

from __future__ import annotations

import re

import jsonschema
import pytest
import structlog
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from starlette.routing import Route

from labeldock.services import access
from labeldock.testing.plugins import build_catalog
from labeldock.web.app import create_app
from labeldock.web.openapi.document import build_document
from labeldock.web.operations import operations_of
from labeldock.web.problems import STATUSES
from labeldock_azure.plugin import AzureProvider
from labeldock_gcs.plugin import GcsProvider
from labeldock_local.plugin import LocalProvider
from labeldock_s3.plugin import S3Provider
from tests.system.conftest import build_app

PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


@pytest.fixture
def document(client, auth):
    return client.get("/api/schema/", headers=auth).json()


@pytest.fixture
def operations(document):
    return [
        (method.upper(), path, told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]


def list_routes(app):
    return [route for route in create_app(app).routes if isinstance(route, Route)]


def test_it_is_valid_openapi(document):
    assert document["openapi"].startswith("3.1")
    assert [str(e) for e in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_says_what_it_is(app):
    silent = [
        f"{method} {route.path}"
        for route in list_routes(app)
        for method, operation in operations_of(route).items()
        if operation.declaration is None
    ]

    assert silent == [], "declare them with @operation or @page"


def test_schema_and_routes_are_the_same(app, operations):
    shown = {
        (method, PARAMETER.sub(r"{\1}", route.path).rstrip("/"))
        for route in list_routes(app)
        for method, operation in operations_of(route).items()
        if operation.declaration and operation.declaration.is_shown
    }

    assert {(m, path.rstrip("/")) for m, path, _ in operations} == shown
    assert {path for _, path in shown} >= {
        "/api/storages/memory/{id}/sync",
        "/api/storages/export/localfiles",
        "/tasks/{id}/resolve",
        "/health",
    }


def describe(home, *providers):
    """The document of an application with these providers."""
    app = build_app(home, build_catalog(*providers))
    try:
        return build_document(create_app(app).routes)
    finally:
        app.close()


@pytest.fixture
def everything(home):
    """The document with every provider of ours installed."""
    return describe(home, S3Provider(), GcsProvider(), AzureProvider(), LocalProvider())


def test_only_what_is_installed_is_in_it(home):
    paths = describe(home)["paths"]

    assert "/api/storages" in paths
    assert not [path for path in paths if "memory" in path or "s3" in path]


def test_it_is_valid_with_every_provider(everything):
    paths = everything["paths"]

    errors = [str(e) for e in OpenAPIV31SpecValidator(everything).iter_errors()]
    assert errors == []
    for name in ("s3", "gcs", "azure", "localfiles", "local"):
        assert f"/api/storages/{name}/{{id}}/sync" in paths
        assert f"/api/storages/export/{name}/validate" in paths


def test_every_operation_tells_its_purpose_and_needs(operations):
    names = [told["operationId"] for _, _, told in operations]
    needs = {told["x-labeldock-needs"] for _, _, told in operations}

    assert len(set(names)) == len(names)
    assert all(told["summary"] for _, _, told in operations)
    assert needs >= {"nothing", "login", *access.Permission}


def test_what_needs_no_login_says_so(operations):
    for _, path, told in operations:
        is_open = told["x-labeldock-needs"] == "nothing"
        assert (told.get("security") == []) is is_open, path
        assert ("401" in told["responses"]) or is_open, path


def test_every_kind_of_error_has_an_example(document):
    responses = document["components"]["responses"]
    told = {
        name for response in responses.values()
        for name in response["content"]["application/json"]["examples"]
    }  # fmt: skip

    assert told >= {kind.__name__ for kind in STATUSES}


def test_making_it_writes_no_errors_into_the_log(app):
    with structlog.testing.capture_logs() as logs:
        build_document(create_app(app).routes)
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


def test_every_json_body_has_an_example_that_is_one(document):
    wrong, count = [], 0
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:document", resource)
    for pointer, _, example in list_examples(document):
        count += 1
        reference = {"$ref": f"urn:document#{pointer}"}
        validator = jsonschema.Draft202012Validator(reference, registry=registry)
        wrong += [(pointer, e.message) for e in validator.iter_errors(example)]

    assert wrong == []
    assert count > 100


def list_examples(document, pointer=""):
    if isinstance(document, dict):
        if "schema" in document and "example" in document:
            yield f"{pointer}/schema", document["schema"], document["example"]
        for each in document.get("examples", {}) if "schema" in document else ():
            value = document["examples"][each]["value"]
            yield f"{pointer}/schema", document["schema"], value
        for key, value in document.items():
            escaped = key.replace("~", "~0").replace("/", "~1")
            yield from list_examples(value, f"{pointer}/{escaped}")


def test_secrets_are_sent_and_never_shown(everything):
    secret = {"type": "string", "format": "password", "writeOnly": True}
    schemas = everything["components"]["schemas"]
    sent = schemas["S3ImportNew"]["properties"]["aws_secret_access_key"]
    shown = schemas["S3ImportStorage"]["properties"]

    assert secret in sent["anyOf"]
    assert "aws_secret_access_key" not in shown
    assert "bucket" in shown


def test_a_secret_of_a_storage_is_in_no_answer(everything):
    for path, methods in everything["paths"].items():
        for told in methods.values() if "/storages/" in path else ():
            for status, response in told["responses"].items():
                text = str(resolve_all(everything, response))
                assert "'writeOnly'" not in text, (status, told["operationId"])


def resolve_all(document, told, depth=6):
    if isinstance(told, dict):
        if "$ref" in told and depth:
            found = document
            for part in told["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return resolve_all(document, found, depth - 1)
        return {k: resolve_all(document, v, depth) for k, v in told.items()}
    if isinstance(told, list):
        return [resolve_all(document, each, depth) for each in told]
    return told


def test_the_fields_of_a_storage_are_those_of_the_providers_model(document):
    new = document["components"]["schemas"]["MemoryImportNew"]
    change = document["components"]["schemas"]["MemoryImportChange"]

    assert set(new["required"]) == {"bucket", "project"}
    assert "required" not in change
    assert set(new["properties"]) - set(change["properties"]) == {"project"}
    assert {"regex_filter", "presign_ttl", "schedule"} <= set(change["properties"])


def test_the_schema_needs_a_login(client):
    assert client.get("/api/schema").status_code == 401
    assert client.get("/api/docs").status_code == 401


def test_people_can_read_it_without_scripts(client, auth, operations):
    index = client.get("/api/docs/", headers=auth)

    assert index.status_code == 200
    assert index.headers["content-type"].startswith("text/html")
    assert "script-src" not in index.headers["Content-Security-Policy"] or (
        "unsafe-inline" not in index.headers["Content-Security-Policy"]
    )
    for method, path, _ in operations:
        assert f"<b>{method}</b> {path}<" in index.text, path


def test_every_heading_has_a_page_with_its_operations(client, auth, operations):
    headings = {told["tags"][0] for _, _, told in operations}
    for heading in sorted(headings):
        page = client.get(f"/api/docs/{heading}", headers=auth)

        assert page.status_code == 200
        for _, _, told in operations:
            if heading in told["tags"]:
                assert f'id="{told["operationId"]}"' in page.text


def test_a_heading_that_is_none_is_not_found(client, auth):
    assert client.get("/api/docs/nothing", headers=auth).status_code == 404

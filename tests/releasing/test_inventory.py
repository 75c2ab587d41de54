"""Licences that fit, and what an audit says."""

from __future__ import annotations

import json

import pytest

from tests.releasing import audit
from tests.releasing.failures import ReleaseFailed
from tests.releasing.inventory import check_licences, require_licences


def component(*licences, name="thing"):
    return {"name": name, "version": "1", "licenses": list(licences)}


def named(text):
    return {"license": {"name": text}}


@pytest.mark.parametrize(
    "licences",
    [
        [{"license": {"id": "MIT"}}],
        [{"expression": "Apache-2.0 OR BSD-3-Clause"}],
        [{"expression": "(MIT AND PSF-2.0)"}],
        [named("License :: OSI Approved :: MIT License")],
        [{"license": {"id": "LGPL-3.0-or-later"}}],
        [named("declared license of 'thing'"), {"license": {"id": "MIT"}}],
    ],
)
def test_licences_that_fit_are_let_through(licences):
    require_licences({"components": [component(*licences)]})


@pytest.mark.parametrize(
    ("licences", "reason"),
    [
        ([], "thing 1: no licence is named"),
        ([{"license": {"id": "AGPL-3.0-only"}}], "thing 1: licence ['AGPL-3.0-only']"),
        ([{"expression": "MIT AND GPL-3.0-only"}], "MIT AND GPL-3.0-only"),
        ([named("My own words")], "My own words"),
    ],
)
def test_licences_that_are_unknown_or_do_not_fit_stop_the_release(licences, reason):
    with pytest.raises(ReleaseFailed) as caught:
        require_licences({"components": [component(*licences)]})

    assert reason in str(caught.value)


def test_every_component_that_does_not_fit_is_named():
    many = [component(name="a"), component(name="b")]

    assert len(check_licences({"components": many})) == 2


def test_an_audit_without_findings_says_how_many_were_looked_at():
    found = [
        {"name": "a", "version": "1", "vulns": []},
        {"name": "labeldock", "skip_reason": "not there"},
    ]

    said = audit.judge(0, json.dumps({"dependencies": found}), "")

    assert said == "none of 2 packages has a known weakness"


def test_a_service_that_knows_no_package_is_no_audit():
    found = [{"name": name, "skip_reason": "?"} for name in ("a", "b", "labeldock-s3")]

    with pytest.raises(ReleaseFailed, match=r"NOT audited: .* of 2 packages \(a, b"):
        audit.judge(0, json.dumps({"dependencies": found}), "")


def test_a_weakness_stops_the_release():
    flaws = [
        {"id": "CVE-1", "fix_versions": ["2"]},
        {"id": "CVE-2", "fix_versions": []},
    ]
    found = [{"name": "a", "version": "1", "vulns": flaws}]

    with pytest.raises(ReleaseFailed) as caught:
        audit.judge(1, json.dumps({"dependencies": found}), "")

    assert "a 1: CVE-1 (repaired in 2)" in str(caught.value)
    assert "a 1: CVE-2 (repaired in no version yet)" in str(caught.value)


@pytest.mark.parametrize("output", ["", "not JSON", "{}"])
def test_where_nobody_can_be_asked_the_release_stops_and_says_so(output):
    with pytest.raises(ReleaseFailed) as caught:
        audit.judge(1, output, "Traceback\nConnectionError: no route\n")

    said = str(caught.value)
    assert "were NOT audited" in said
    assert "ConnectionError: no route" in said
    assert "--skip-audit" in said

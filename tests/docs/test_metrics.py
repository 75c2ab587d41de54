"""Metrics, their reference, the dashboard and the alerts are about the same things."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from labeldock.cli.metrics_reference import render_reference

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"labeldock_[a-z_]+")
PAGE = ROOT / "docs" / "reference" / "metrics.md"
DASHBOARD = ROOT / "deploy" / "grafana" / "labeldock.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
HOW_TO = ROOT / "docs" / "how-to" / "watch-a-service.md"


def known():
    names = set(NAME.findall(PAGE.read_text()))
    return names | {f"{name}_bucket" for name in names if name.endswith("_seconds")}


def test_the_page_is_current():
    assert PAGE.read_text("utf-8") == render_reference(), (
        "run: python -m labeldock.cli.metrics_reference > docs/reference/metrics.md"
    )


def test_the_dashboard_shows_only_what_there_is():
    panels = json.loads(DASHBOARD.read_text())["panels"]

    shown = {n for p in panels for t in p["targets"] for n in NAME.findall(t["expr"])}

    assert len(panels) > 10
    assert shown <= known()


def test_every_metric_of_a_gauge_or_counter_is_on_the_dashboard():
    shown = set(NAME.findall(DASHBOARD.read_text()))

    assert {name.removesuffix("_bucket") for name in known()} <= {
        name.removesuffix("_bucket") for name in shown
    }


def test_alerts_watch_what_there_is_and_are_explained():
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]

    watched = {name for rule in rules for name in NAME.findall(rule["expr"])}
    headings = set(re.findall(r"^### (\w+)$", HOW_TO.read_text(), re.MULTILINE))

    assert watched <= known()
    assert {rule["alert"] for rule in rules} == headings

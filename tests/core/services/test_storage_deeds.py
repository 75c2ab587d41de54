"""What the audit log is told of storages: never a secret."""

from __future__ import annotations

import json

from labeldock.contract import Purpose
from labeldock.services import audit_log, storages
from labeldock.services.audit_log import AuditFilter


def test_the_life_of_a_storage_is_written_down_without_its_secrets(
    app, people, build_workplace
):
    place = build_workplace(app)
    made = place.add_export(password="never-2-be-seen")
    change = {"title": "Renamed", "password": "nor-is-this-1"}
    storages.update_storage(app, place.owner, made.id, Purpose.EXPORT, change)
    storages.remove_storage(app, place.owner, made.id, Purpose.EXPORT)

    chosen = AuditFilter(project_id=place.project)
    entries = audit_log.list_entries(app, people.admin, chosen)[::-1]

    assert [entry.action for entry in entries] == [
        "project.create", "storage.create", "secret.set", "storage.change",
        "secret.set", "storage.delete",
    ]  # fmt: skip
    assert entries[2].details["fields"] == ["password"]
    assert entries[3].details["fields"] == ["title"]
    assert {entry.target_id for entry in entries[1:]} == {str(made.id)}
    text = json.dumps([entry.details for entry in entries])
    assert "never-to" not in text
    assert "nor-is" not in text

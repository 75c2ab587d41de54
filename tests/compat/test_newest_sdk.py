"""The newest SDK against the running service: what its methods return."""

from __future__ import annotations

from tests.compat import expectations


def test_versions_and_users_are_told(newest):
    expectations.expect_versions_and_users(newest)


def test_projects_are_made_listed_changed_and_deleted(newest):
    expectations.expect_projects(newest)


def test_tasks_are_made_listed_changed_and_deleted(newest):
    expectations.expect_tasks(newest)


def test_annotations_are_made_listed_changed_and_deleted(newest):
    expectations.expect_annotations(newest)


def test_predictions_are_made_listed_changed_and_deleted(newest):
    expectations.expect_predictions(newest)


def test_tasks_are_imported_with_annotations_and_predictions(newest):
    expectations.expect_import(newest)


def test_folders_are_connected_synced_and_written_to(newest):
    expectations.expect_local_storages(newest)


def test_buckets_are_connected_synced_and_written_to(newest):
    expectations.expect_s3_storages(newest)


def test_the_types_are_the_installed_providers(newest):
    for purpose in ("import", "export"):
        names = {kind["name"] for kind in newest["types"][purpose]}
        assert names >= {"s3", "gcs", "azure", "localfiles"}


def test_tokens_are_made_replaced_and_revoked(newest):
    tokens = newest["tokens"]

    assert tokens["access"].count(".") == 2
    assert [ended["status"] for ended in tokens["ended"]] == [401, 401]


def test_all_tasks_are_exported_as_json(newest):
    exported = {task["id"]: task for task in newest["exported"]}

    assert set(newest["tasks"]["expected"]) <= set(exported)
    annotated = exported[newest["annotations"]["task"]]
    assert annotated["annotations"][0]["result"] == expectations.RESULT


def test_errors_are_told_once_and_by_field(newest):
    expectations.expect_errors(newest)

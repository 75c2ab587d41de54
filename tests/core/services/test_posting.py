"""Tasks and predictions that clients send, on either database."""

from __future__ import annotations

import orjson
import pytest

from labeldock.contract import InvalidInput, NotAllowed
from labeldock.db.accounts import OrganizationMember
from labeldock.services import people as users
from labeldock.services import personal_tokens, projects, tasks
from labeldock.services.annotations import create_annotation
from labeldock.services.deleting import delete_tasks
from labeldock.services.importing.formats.kinds import Kind
from labeldock.services.importing.posting import Posted, import_posted
from labeldock.services.posted_predictions import import_predictions
from labeldock.services.projects import ProjectFilter
from labeldock.services.task_selection import Comparison, TaskSelection
from labeldock.services.tasks import TaskQuery
from labeldock.services.tokens import TokenWish
from tests.core.concurrency import run_at_once

RESULT = [{"type": "choices", "value": {"choices": ["gull"]}}]
ROW = {
    "data": {"text": "a \0 b"},
    "meta": {"place": "coast"},
    "allow_skip": False,
    "annotations": [
        {"result": RESULT, "lead_time": 1.5, "ground_truth": True},
        {"result": [], "was_cancelled": True},
    ],
    "predictions": [{"result": RESULT, "score": 0.25, "model_version": "m"}],
}


def post(app, user, project_id, *rows):
    content = orjson.dumps(rows)
    return import_posted(app, user, project_id, [Posted("", content, Kind.JSON)])


def list_all(app, user, project_id, **selection):
    query = TaskQuery(project_id, selection=TaskSelection(**selection))
    return tasks.list_tasks(app, user, query)


@pytest.fixture
def birds(app, people):
    return projects.create_project(app, people.owner, {"title": "Birds"}).id


def test_everything_of_a_row_is_kept(app, people, birds):
    made = post(app, people.owner, birds, {"text": "plain"}, ROW)

    plain, full = list_all(app, people.owner, birds).tasks
    assert (plain.id, full.id) == made.task_ids
    assert (plain.data, plain.meta, plain.allow_skip) == ({"text": "plain"}, None, True)
    assert (full.meta, full.allow_skip) == ({"place": "coast"}, False)
    assert (full.is_labeled, full.total_annotations) == (True, 1)
    assert (full.cancelled_annotations, full.total_predictions) == (1, 1)
    first, second = full.annotations
    assert (first.result, first.lead_time, first.ground_truth) == (RESULT, 1.5, True)
    assert (second.was_cancelled, second.ground_truth) == (True, False)
    assert first.completed_by_id == people.owner.user_id
    (prediction,) = full.predictions
    assert (prediction.score, prediction.model_version) == (0.25, "m")
    again = create_annotation(app, people.owner, plain.id, {"result": []})
    assert again.id > second.id


def test_numbers_go_on_when_several_import_at_once(app, people, birds):
    def work():
        return post(app, people.owner, birds, *({"n": n} for n in range(20))).task_ids

    given = run_at_once(*[work] * 4)

    assert len({number for ids in given for number in ids}) == 80
    page = list_all(app, people.owner, birds)
    assert page.total == 80
    assert [task.inner_id for task in page.tasks] == list(range(1, 81))


def test_predictions_of_several_tasks_are_counted(app, people, birds):
    first, second = post(app, people.owner, birds, {"n": 1}, {"n": 2}).task_ids
    rows = [{"task": first, "result": RESULT}] * 2 + [{"task": second, "result": []}]

    assert import_predictions(app, people.owner, birds, rows) == 3

    page = list_all(app, people.owner, birds)
    assert [task.total_predictions for task in page.tasks] == [2, 1]
    assert page.total_predictions == 3


def test_nothing_is_imported_for_somebody_else(app, people, birds):
    with pytest.raises(NotAllowed, match="permission"):
        post(app, people.stranger, birds, {"n": 1})
    with pytest.raises(NotAllowed, match="permission"):
        import_predictions(app, people.stranger, birds, [])
    with pytest.raises(InvalidInput, match="No tasks"):
        post(app, people.owner, birds)


def test_tasks_are_selected_ordered_and_deleted(app, people, birds):
    rows = ({"n": 0}, ROW, {"n": 2}, {"n": 3})
    ids = post(app, people.owner, birds, *rows).task_ids

    def select(**selection):
        page = list_all(app, people.owner, birds, **selection)
        return page.total, [ids.index(task.id) for task in page.tasks]

    def delete(**selection):
        chosen = TaskSelection(**selection)
        return delete_tasks(app, people.owner, birds, chosen)

    assert select(is_labeled=True) == (1, [1])
    assert select(included=(ids[3], ids[0])) == (2, [0, 3])
    assert select(excluded=ids[1:]) == (1, [0])
    assert select(comparisons=(Comparison("inner_id", "greater", 2),)) == (2, [2, 3])
    assert select(ordering=("-is_labeled", "-id")) == (4, [1, 3, 2, 0])
    assert delete(included=(ids[0], 10**9)) == 1
    assert delete(excluded=(ids[3],)) == 2
    assert select() == (1, [3])


def test_projects_are_found(app, people, birds):
    projects.create_project(app, people.owner, {"title": "a_b", "description": "Gull"})

    def find(**chosen):
        found, total = projects.list_projects(
            app, people.owner, chosen=ProjectFilter(**chosen)
        )
        assert total == len(found)
        return [project.title for project in found]

    assert find(title="BIRD") == ["Birds"]
    assert find(title="_") == ["a_b"]
    assert find(search="gull") == ["a_b"]
    assert find(ids=(birds,)) == ["Birds"]
    assert find(ordering="created_at") == ["Birds", "a_b"]


def test_users_know_those_of_their_organisation(app, people, birds):
    def list_numbers(who):
        return [person.id for person in users.list_people(app, who)]

    everybody = [who.user_id for who in (people.admin, people.owner, people.stranger)]
    assert list_numbers(people.owner) == everybody
    with app.database.write() as session:
        membership = (1, people.stranger.user_id)
        session.delete(session.get_one(OrganizationMember, membership))

    assert list_numbers(people.owner) == everybody[:2]
    assert list_numbers(people.stranger) == everybody[2:]
    assert list_numbers(people.admin) == everybody


def test_a_personal_token_is_stored_as_a_hash_and_good_for_its_owner(app, people):
    wish = TokenWish(title="script")
    made = personal_tokens.create_personal_token(app, people.owner, wish)
    (listed,) = personal_tokens.list_personal_tokens(app, people.owner)
    short = personal_tokens.buy_access(app, made.token)

    assert listed.token == made.token.rpartition(".")[0]
    assert listed.expires_at == made.expires_at
    assert personal_tokens.authenticate(app, short) == people.owner
    assert personal_tokens.list_personal_tokens(app, people.stranger) == []

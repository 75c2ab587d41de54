"""The queue: who gets which task, and that no two people work alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select, update

from labeldock.contract import NotAllowed, NotFound
from labeldock.db.task_locks import TaskLock
from labeldock.services import access, annotations, projects, tasks
from labeldock.services.accounts.project_members import add_project_member
from labeldock.services.labelling import queue
from tests.core.concurrency import run_at_once


@pytest.fixture
def team(place):
    """Three people who label in the project."""
    return [join(place, number) for number in range(3)]


def join(place, number, role="annotator"):
    email = f"{role}{number}@example.org"
    with place.app.database.write() as session:  # a password takes long to hash
        home = access.find_first_organization(session)
        new = access.NewUser(email, "none")
        user = access.insert_user(session, new, home, access.OrganizationRole.MEMBER)
        person = access.build_principal(user)
    add_project_member(place.app, place.owner, place.project, person.user_id, role)
    return person


def add_tasks(place, count):
    return [
        tasks.create_task(place.app, place.owner, place.project, {"n": number}).id
        for number in range(count)
    ]


def change_project(place, **values):
    projects.update_project(place.app, place.owner, place.project, values)


def take_next(place, person, after=0):
    return queue.claim_next(place.app, person, place.project, after=after)


def label(place, person, task, **values):
    values = {"result": [], **values}
    annotations.create_annotation(place.app, person, task, values)
    queue.release(place.app, person, task)


def expire(place):
    past = datetime.now(UTC) - timedelta(hours=1)
    with place.app.database.write() as session:
        session.execute(update(TaskLock).values(expires_at=past))


def count_locks(place):
    with place.app.database.read() as session:
        return len(session.exec(select(col(TaskLock.task_id))).all())


def test_each_gets_a_task_of_their_own_in_order(place, team):
    first, second, _ = add_tasks(place, 3)

    assert take_next(place, team[0]) == first
    assert take_next(place, team[1]) == second
    assert take_next(place, team[0]) == first, "what was begun comes first"


def test_what_is_labelled_or_skipped_does_not_come_again(place, team):
    first, second, third = add_tasks(place, 3)
    label(place, team[0], first)
    label(place, team[0], second, was_cancelled=True)

    assert take_next(place, team[0]) == third
    assert take_next(place, team[1]) == second, "a skipped one is for others"


def test_the_search_goes_on_after_a_place_and_then_from_the_start(place, team):
    first, second, third = add_tasks(place, 3)

    assert take_next(place, team[0], after=1) == second
    label(place, team[0], second)
    assert take_next(place, team[0], after=2) == third
    label(place, team[0], third)
    assert take_next(place, team[0], after=3) == first


def test_a_lock_ends_by_itself_and_by_release(place, team):
    (task,) = add_tasks(place, 1)
    assert take_next(place, team[0]) == task
    assert take_next(place, team[1]) is None

    queue.release(place.app, team[0], task)
    assert take_next(place, team[1]) == task
    expire(place)
    assert take_next(place, team[0]) == task
    assert count_locks(place) == 1, "what has expired is cleared away"


def test_a_lock_that_is_held_is_renewed_and_one_of_others_is_not_taken(place, team):
    (task,) = add_tasks(place, 1)
    assert queue.take(place.app, team[0], task)
    assert queue.take(place.app, team[0], task, queue.RENEWED_SECONDS)
    assert not queue.take(place.app, team[1], task)

    expire(place)
    assert queue.take(place.app, team[1], task)
    label(place, team[1], task)
    assert queue.take(place.app, team[0], task), "a finished one is nobody's"


def test_as_many_work_on_a_task_as_it_wants_annotations(place, team):
    change_project(place, maximum_annotations=2)
    first, second = add_tasks(place, 2)

    assert [take_next(place, each) for each in team] == [first, first, second]
    label(place, team[0], first)
    label(place, team[1], first)
    assert take_next(place, team[0]) == second
    assert take_next(place, team[1]) is None


@pytest.mark.parametrize(
    ("skips", "mine", "others"),
    [
        ("REQUEUE_FOR_OTHERS", False, True),
        ("REQUEUE_FOR_ME", True, True),
        ("IGNORE_SKIPPED", False, False),
    ],
)
def test_what_becomes_of_a_skipped_task_is_the_projects_choice(
    sqlite_place, skips, mine, others
):
    place = sqlite_place
    one, other = join(place, 1), join(place, 2)
    change_project(place, skip_queue=skips)
    (task,) = add_tasks(place, 1)
    label(place, one, task, was_cancelled=True)

    assert (take_next(place, one) == task) is mine
    queue.release(place.app, one, task)
    assert (take_next(place, other) == task) is others


def test_only_those_who_annotate_are_given_tasks(place, people):
    (task,) = add_tasks(place, 1)
    viewer = join(place, 1, role="viewer")

    with pytest.raises(NotAllowed):
        take_next(place, viewer)
    with pytest.raises(NotAllowed):
        queue.take(place.app, viewer, task)
    with pytest.raises(NotAllowed):
        queue.take(place.app, people.stranger, task)
    with pytest.raises(NotFound, match="Task 2 does not exist"):
        queue.take(place.app, place.owner, task + 1)


def test_people_who_ask_at_the_same_moment_never_get_the_same_task(place):
    team = [join(place, number) for number in range(8)]
    known = add_tasks(place, 6)
    given = []
    for _ in range(3):
        asks = [lambda each=each: take_next(place, each) for each in team]
        found = run_at_once(*asks)
        errors = [each for each in found if isinstance(each, Exception)]
        assert not errors
        got = [each for each in found if each is not None]
        assert len(got) == len(set(got)), found
        given.append(len(got))
        for person, task in zip(team, found, strict=True):
            if task is not None:
                queue.release(place.app, person, task)

    assert max(given) <= len(known)
    assert min(given) >= 1


def test_a_team_labels_everything_once(place):
    team = [join(place, number) for number in range(4)]
    known = add_tasks(place, 20)
    done = []

    def work(person):
        misses = 0
        while misses < 3:
            task = take_next(place, person)
            if task is None:
                misses += 1
                continue
            label(place, person, task)
            done.append(task)

    outcomes = run_at_once(*[lambda each=each: work(each) for each in team])

    assert outcomes == [None] * 4
    # Whoever looks while the last ones are with others goes home; one comes back.
    expire(place)
    work(team[0])
    assert sorted(done) == known

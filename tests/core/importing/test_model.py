"""Syncs of random buckets, with random changes between them, against a plain model."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from labeldock.db.tables import ImportLink, Project, Task
from labeldock.services.importing import stretches
from tests.core.conftest import MemoryBucket, Workplace

# What an object may hold, and what becomes of it: its rows, or why it has none.
CONTENTS = {
    '[{"n": 1}]': 1,
    '{"n": 1}\n{"n": 2}\n{"n": 3}': 3,
    '[{"n": 1}, {"n": 2}]': 2,
    "[]": "empty",
    " []": "empty",
    "{": "failed",
    "[1": "failed",
}
NUMBERS = itertools.count()


@dataclass
class Known:
    """What the model knows of an object."""

    content: str
    exists: bool = True

    @property
    def outcome(self):
        return CONTENTS[self.content]


class Model:
    """What an import should come to, without pages, cursors and merges."""

    def __init__(self):
        self.known = {}

    def sync(self, bucket):
        counts = dict.fromkeys(stretches.COUNTS, 0)
        counts["seen"] = len(bucket)
        for key, content in bucket.items():
            for name, number in self._take(key, content).items():
                counts[name] += number
        for key, known in self.known.items():
            if key not in bucket and known.exists:
                known.exists = False
                counts["vanished"] += 1
        return counts

    def _take(self, key, content):
        known = self.known.get(key)
        is_same = known is not None and known.content == content
        if known is None or (known.outcome in {"failed", "empty"} and not is_same):
            self.known[key] = Known(content)
            return self._import(CONTENTS[content])
        known.exists = True
        if known.outcome == "failed":
            return {"failed": 1}
        rows = 1 if known.outcome == "empty" else known.outcome
        return {"existed": rows, "changed": int(not is_same)}

    def _import(self, outcome):
        if outcome == "failed":
            return {"failed": 1}
        return {"created": 0 if outcome == "empty" else outcome}

    def links(self):
        return sorted(
            (key, row, known.exists)
            for key, known in self.known.items()
            for row in _rows(known)
        )


def _rows(known):
    if known.outcome in {"failed", "empty"}:
        return [-1]
    return range(known.outcome)


KEYS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0") | st.just("/"),
    max_size=12,
).map(lambda text: f"{text}.json")
BUCKETS = st.dictionaries(KEYS, st.sampled_from(list(CONTENTS)), max_size=14)


def step(draw, before):
    """Another bucket, made from the one before by adding, changing and removing."""
    kept = {k: v for k, v in before.items() if draw(st.booleans())}
    changed = {
        k: draw(st.sampled_from(list(CONTENTS))) for k in kept if draw(st.booleans())
    }
    return {**draw(BUCKETS), **kept, **changed}


@st.composite
def histories(draw):
    """The first bucket is not empty, since a storage on nothing is refused."""
    history = [draw(BUCKETS.filter(bool))]
    for _ in range(draw(st.integers(1, 3))):
        history.append(step(draw, history[-1]))
        if draw(st.booleans()):
            history.append(history[0])  # what was gone returns
    return history


QUIET = settings(suppress_health_check=list(HealthCheck), max_examples=15)
LIMITS = st.fixed_dictionaries(
    {"MAX_LINKS": st.integers(1, 6), "MAX_TASKS": st.integers(1, 6)}
)


@QUIET
@given(history=histories(), page_size=st.integers(1, 6), limits=LIMITS)
def test_syncs_on_sqlite_do_what_the_model_does(
    sqlite_app, provider, owner, history, page_size, limits
):
    follow(sqlite_app, provider, owner, history, page_size, limits)


@settings(parent=QUIET, max_examples=8)
@given(history=histories(), page_size=st.integers(1, 6), limits=LIMITS)
def test_syncs_on_postgresql_do_what_the_model_does(
    postgres_app, provider, owner, history, page_size, limits
):
    follow(postgres_app, provider, owner, history, page_size, limits)


def follow(app, provider, owner, history, page_size, limits):
    changed = app.settings.model_copy(update={"page_size": page_size})
    place = Workplace(replace(app, settings=changed), owner)
    name = f"bucket-{next(NUMBERS)}"
    provider.create_bucket(name)
    bucket, model, storage = MemoryBucket(provider, name), Model(), None
    with pytest.MonkeyPatch.context() as patch:
        for limit, value in limits.items():
            patch.setattr(stretches, limit, value)
        for objects in history:
            bucket.remove(*(set(bucket.keys()) - set(objects)))
            bucket.put_all(objects)
            storage = storage or place.add(bucket=name, recursive_scan=True)
            run = place.sync(storage)
            check(place, storage, run, model, model.sync(objects))


def check(place, storage, run, model, expected):
    with place.app.database.read() as session:
        links = session.exec(
            select(ImportLink).where(ImportLink.storage_id == storage.id)
        ).all()
        tasks = session.exec(select(Task).where(Task.project_id == place.project)).all()
        project = session.get(Project, place.project)
    linked = {link.task_id for link in links if link.state == "linked"}
    assert run.counts == expected
    assert sorted((k.key, k.row_index, k.object_exists) for k in links) == model.links()
    assert linked == {task.id for task in tasks}
    assert project.task_number == len(tasks) == len({t.inner_id for t in tasks})
    has_failed = run.counts["failed"] > 0
    assert run.state == ("completed_with_errors" if has_failed else "completed")
    assert len(place.errors(run)) == run.counts["failed"]

"""Syncs of random buckets, with random changes between them, against a plain model."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from labeldock.db.tables import ImportLink, Project, Task
from labeldock.services.importing import cutting, sharing, stretches
from tests.core.conftest import MemoryBucket, Workplace

# What an object may hold, and what becomes of it: its rows, or why it has none.
CONTENTS = {
    '[{"n": 1}]': (1,),
    '[{"n": 7}]': (7,),
    '{"n": 1}\n{"n": 2}\n{"n": 3}': (1, 2, 3),
    '[{"n": 1}, {"n": 5}]': (1, 5),
    "[]": "empty",
    " []": "empty",
    "{": "failed",
    "[1": "failed",
}
POLICIES = ["report", "update", "flag"]
NUMBERS = itertools.count()


@dataclass
class Known:
    """What the model knows of an object: what was imported of it, and what is there."""

    content: str
    rows: list[int] = field(default_factory=list)
    exists: bool = True
    is_flagged: bool = False

    @property
    def outcome(self):
        return CONTENTS[self.content]

    @property
    def count(self):
        return len(self.rows) or 1


class Model:
    """What an import should come to, without pages, cursors and merges."""

    def __init__(self, policy="report"):
        self.policy, self.known = policy, {}

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
        found = {"returned": int(known is not None and not known.exists)}
        if known is None or (known.outcome in {"failed", "empty"} and not is_same):
            return found | self._import(key, content, is_new=known is None)
        known.exists = True
        if known.outcome == "failed":
            return {**found, "failed": 1}
        found |= {"existed": known.count, "changed": int(not is_same)}
        if is_same:
            known.is_flagged = False
            return found
        return found | self._change(known, content)

    def _import(self, key, content, *, is_new):
        known = self.known[key] = Known(content)
        if known.outcome == "failed":
            return {"failed": 1}
        known.rows = [] if known.outcome == "empty" else list(known.outcome)
        return {"new": int(is_new), "created": len(known.rows)}

    def _change(self, known, content):
        """What the policy makes of an object that has tasks and other contents."""
        if self.policy == "flag":
            known.is_flagged = True
        if self.policy != "update":
            return {}
        rows = CONTENTS[content]
        if isinstance(rows, str) or len(rows) < len(known.rows):
            return {"failed": 1}
        before, known.rows, known.content = known.rows, list(rows), content
        updated = sum(a != b for a, b in zip(before, rows, strict=False))
        created = len(rows) - len(before)
        return {"updated": updated, "created": created}

    def links(self):
        return sorted(
            (key, row, known.exists, known.is_flagged)
            for key, known in self.known.items()
            for row in (range(len(known.rows)) if known.rows else [-1])
        )

    def data(self):
        rows = [{"n": n} for known in self.known.values() for n in known.rows]
        return sorted(rows, key=lambda row: row["n"])


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


# Without shrinking: an example is several syncs, so that would take minutes.
QUIET = settings(
    suppress_health_check=list(HealthCheck),
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
WAYS = st.fixed_dictionaries(
    {
        "page_size": st.integers(1, 6),
        "MAX_LINKS": st.integers(1, 6),
        "MAX_TASKS": st.integers(1, 6),
        "partitioning": st.sampled_from(["always", "never"]),
        "part_size": st.integers(1, 4),
        "on_change": st.sampled_from(POLICIES),
    }
)


@QUIET
@given(history=histories(), ways=WAYS)
def test_syncs_on_sqlite_do_what_the_model_does(
    sqlite_app, provider, owner, history, ways
):
    follow(sqlite_app, provider, owner, history, ways)


@settings(parent=QUIET, max_examples=8)
@given(history=histories(), ways=WAYS)
def test_syncs_on_postgresql_do_what_the_model_does(
    postgres_app, provider, owner, history, ways
):
    follow(postgres_app, provider, owner, history, ways)


def follow(app, provider, owner, history, ways):
    values = {name: ways[name] for name in ("page_size", "partitioning", "part_size")}
    changed = app.settings.model_copy(update=values)
    place = Workplace(replace(app, settings=changed), owner)
    name = f"bucket-{next(NUMBERS)}"
    provider.create_bucket(name)
    policy = ways["on_change"]
    bucket, model, storage = MemoryBucket(provider, name), Model(policy), None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "MAX_LINKS", ways["MAX_LINKS"])
        patch.setattr(stretches, "MAX_TASKS", ways["MAX_TASKS"])
        patch.setattr(sharing, "SMALLEST_PART", 1)
        patch.setattr(sharing, "MAX_PARTS", 3)
        for objects in history:
            bucket.remove(*(set(bucket.keys()) - set(objects)))
            bucket.put_all(objects)
            storage = storage or place.add(
                bucket=name, recursive_scan=True, on_change=policy
            )
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
    found = [(k.key, k.row_index, k.object_exists, k.object_changed) for k in links]
    assert sorted(found) == model.links()
    assert sorted((t.data for t in tasks), key=lambda row: row["n"]) == model.data()
    assert linked == {task.id for task in tasks}
    assert project.task_number == len(tasks) == len({t.inner_id for t in tasks})
    has_failed = run.counts["failed"] > 0
    assert run.state == ("completed_with_errors" if has_failed else "completed")
    assert len(place.errors(run)) == run.counts["failed"]

"""The counters of a project stay right, whichever way its rows come and go."""

from __future__ import annotations

import itertools
import json
import random

from labeldock.services import annotations, predictions, tasks
from labeldock.services.counters import recount_tasks
from labeldock.services.deleting import delete_tasks
from labeldock.services.importing.formats.kinds import Kind
from labeldock.services.importing.posting import Posted, import_posted
from labeldock.services.task_selection import TaskSelection
from tests.core.services.tallies import count_again, read_counters

KINDS = [
    {"was_cancelled": cancelled, "ground_truth": truth}
    for cancelled, truth in itertools.product((False, True), repeat=2)
]
STEPS = 60


def build_rows(rng):
    said = [{"result": [], **kind} for kind in rng.choices(KINDS, k=rng.randrange(4))]
    models = [{"result": []}] * rng.randrange(3)
    return [{"data": {"n": 1}, "annotations": said, "predictions": models}]


class Work:
    """What people do with the tasks of a place; each step is drawn."""

    def __init__(self, place, rng):
        self.place, self.rng, self.made = place, rng, []
        self.who = (place.app, place.owner)

    def add(self):
        content = json.dumps(build_rows(self.rng)).encode()
        posted = [Posted("a.json", content, Kind.JSON)]
        self.made += import_posted(*self.who, self.place.project, posted).task_ids

    def label(self):
        values = {"result": [], **self.rng.choice(KINDS)}
        annotations.create_annotation(*self.who, self.rng.choice(self.made), values)

    def label_many(self):
        values = {"result": [], **self.rng.choice(KINDS)}
        chosen = set(self.rng.choices(self.made, k=3))
        annotations.create_annotations(*self.who, chosen, values)

    def find(self):
        task = self.rng.choice(self.made)
        return [each.id for each in annotations.list_annotations(*self.who, task)]

    def change(self):
        for number in self.find()[:1]:
            values = self.rng.choice(KINDS)
            annotations.update_annotation(*self.who, number, values)

    def remove(self):
        for number in self.find()[:1]:
            annotations.delete_annotation(*self.who, number)

    def remove_many(self):
        if found := self.find():
            annotations.delete_annotations(*self.who, found)

    def predict(self):
        values = {"result": []}
        predictions.create_prediction(*self.who, self.rng.choice(self.made), values)

    def drop(self):
        if len(self.made) > 4:
            number = self.made.pop(self.rng.randrange(len(self.made)))
            tasks.delete_task(*self.who, number)

    def drop_many(self):
        if len(self.made) > 6:
            chosen = TaskSelection(included=(self.made.pop(), self.made.pop()))
            delete_tasks(*self.who, self.place.project, chosen)

    def list_steps(self):
        """More is done than removed."""
        return (
            *(self.add, self.label, self.label_many, self.change) * 2,
            *(self.remove, self.remove_many, self.predict),
            *(self.drop, self.drop_many),
        )


def test_they_are_those_of_the_rows_after_every_step(place, bucket):
    work = Work(place, random.Random(7))
    for name in range(6):
        bucket.put(f"{name}.json", json.dumps(build_rows(work.rng)))
    place.sync(place.add())
    assert read_counters(place) == count_again(place)

    for step in (work.add, *work.rng.choices(work.list_steps(), k=STEPS)):
        step()
        assert read_counters(place) == count_again(place), step.__name__

    with place.app.database.write() as session:
        recount_tasks(session, place.project)
    assert read_counters(place) == count_again(place)

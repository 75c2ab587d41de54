"""How fast a run went: a series that stays small, however long the run is."""

from __future__ import annotations

import pytest

from labeldock.services import run_samples
from labeldock.services.run_samples import MOST, Sampler, read_samples


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1_000_000.0

        def time(self):
            return self.now

    made = Clock()
    monkeypatch.setattr(run_samples.time, "time", made.time)
    return made


def test_a_sample_is_taken_once_a_second_at_most(clock):
    sampler = Sampler()
    assert len(sampler.take({"seen": 1})) == 1
    clock.now += 0.5
    assert sampler.take({"seen": 2}) is None
    clock.now += 0.5

    assert [s.objects for s in read_samples(sampler.take({"seen": 3}))] == [1, 3]


def test_what_was_read_and_how_long_the_storage_took_is_in_it(clock):
    sampler = Sampler()
    sampler.note_call(0.1)
    sampler.note_call(0.3)
    sampler.note_bytes(1000)
    (sample,) = read_samples(sampler.take({"delivered": 4, "failed": 1}))

    assert sample == (clock.now, 5, 1000, 200.0)


def test_a_long_run_keeps_few_samples_over_its_whole_length(clock):
    sampler = Sampler()
    start = clock.now
    for second in range(100_000):
        sampler.take({"seen": second})
        clock.now += 1.0
    samples = read_samples(sampler.samples)

    assert MOST / 2 <= len(samples) <= MOST
    assert samples[0].at == start
    assert samples[-1].at > start + 97_000
    assert [s.at for s in samples] == sorted(s.at for s in samples)


def test_another_worker_goes_on_with_the_series(clock):
    first = Sampler()
    first.note_bytes(500)
    stored = first.take({"seen": 1})
    clock.now += 2
    second = Sampler.resume(stored)
    second.note_bytes(250)

    assert read_samples(second.take({"seen": 2}))[-1].size == 750
    assert len(stored) == 1

"""One worker for two teams: the small sync of one does not wait for the large one.

What is counted is slices, not seconds: how many of the large sync begin between the
request for the small one and its end.
"""

from __future__ import annotations

import threading

import pytest

from labeldock.services import access, projects, turns
from labeldock.services.accounts import organizations
from labeldock.services.working import work_slice
from tests.core.concurrency import wait_until
from tests.core.conftest import Workplace
from tests.system.worker_places import NO_POLL, House, has_ended

BLOBS = {"use_blob_urls": True, "recursive_scan": True}
THREADS = 2


@pytest.fixture(params=["embedded", "hosted"])
def house(request, tmp_path):
    urls = ("", "")
    if request.param == "hosted":
        names = ("postgres_url", "redis_url")
        urls = tuple(map(request.getfixturevalue, names))
    with House(tmp_path / "home", *urls) as house:
        yield house


class Team:
    """A team, its project, and somebody in it."""

    def __init__(self, app, admin, title):
        self.id = organizations.create_organization(app, admin, title).id
        self.place = Workplace(app, admin)
        self.place.project = projects.create_project(
            app, admin, {"title": title}, organization_id=self.id
        ).id

    def sync(self, prefix):
        return self.place.request(self.place.add(prefix=prefix, **BLOBS))


class Slices:
    """Notes for which team each slice was, in the order in which they began."""

    def __init__(self, monkeypatch):
        self.teams, self._guard = [], threading.Lock()
        monkeypatch.setattr("labeldock.jobs.actors.work_slice", self._note)

    def _note(self, app, lease, ending):
        with self._guard:
            self.teams.append(lease.organization_id)
        return work_slice(app, lease, ending)


def make_admin(app):
    return access.create_user(app, "a@example.org", "admin-password", is_admin=True)


def test_a_small_sync_ends_after_a_few_slices_of_a_large_one(
    house, monkeypatch, record_property
):
    slices = Slices(monkeypatch)
    app, broker = house.open_with_broker(
        page_size=20, turn_seconds=0.02, worker_threads=THREADS, **NO_POLL
    )
    admin = make_admin(app)
    large, small = (Team(app, admin, title) for title in ("Large", "Small"))
    house.bucket.put_all({f"large/{n:04}": "x" for n in range(1000)})
    house.bucket.put_all({f"small/{n}": "x" for n in range(50)})
    theirs = [large.sync("large") for _ in range(20)]
    house.work(app, broker)
    wait_until(lambda: len(slices.teams) >= THREADS)

    begun = len(slices.teams)
    ours = small.sync("small")
    wait_until(has_ended(small.place, ours))
    after = slices.teams[begun:]

    others = sum(team == large.id for team in after)
    record_property("large_slices_meanwhile", others)
    assert small.place.run(ours).counts["created"] == 50
    # Those in hand make way; then its turn comes with every slice that ends.
    assert others <= 4 * THREADS
    assert any(large.place.run(run_id).is_active for run_id in theirs)


def test_one_that_may_have_one_run_at_a_time_leaves_the_other_threads(house):
    app, broker = house.open_with_broker(
        page_size=5, team_max_runs=1, worker_threads=THREADS, **NO_POLL
    )
    team = Team(app, make_admin(app), "Large")
    house.bucket.put_all({f"{n:02}": "x" for n in range(40)})
    most, counting = [0], threading.Lock()

    def watch(page):
        with app.database.read() as session, counting:
            most[0] = max(most[0], turns._count_held(session).get(team.id, 0))
        return page

    house.provider.after["list_objects"] = watch
    runs = [team.sync("") for _ in range(5)]
    house.work(app, broker)

    for run_id in runs:
        wait_until(has_ended(team.place, run_id))
    assert most == [1]

from __future__ import annotations

import os
import signal
import stat
import threading
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlmodel import select

from labeldock.contract import ConfigurationError
from labeldock.db import schema
from labeldock.db.engine import Database, FirstComeLock
from labeldock.db.tables import Project
from tests.core.concurrency import PROCESSES, wait_until


def titles(database):
    with database.read() as session:
        return [p.title for p in session.exec(select(Project).order_by(Project.id))]


# The scopes


def test_a_write_scope_commits_when_it_ends_well(database):
    with database.write() as session:
        session.add(Project(organization_id=1, title="Birds"))

    assert titles(database) == ["Birds"]


def test_a_write_scope_writes_nothing_when_it_ends_badly(database):
    def fail(session):
        session.add(Project(organization_id=1, title="Birds"))
        session.flush()
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"), database.write() as session:
        fail(session)

    assert titles(database) == []


def test_what_the_last_flush_refuses_is_rolled_back(database):
    def fail(session):
        session.add(Project(organization_id=1, title="Birds"))
        session.flush()
        session.add(Project(organization_id=1, title=None))

    with pytest.raises(IntegrityError, match="title"), database.write() as session:
        fail(session)

    assert titles(database) == []


def test_what_a_read_scope_changed_is_dropped(database):
    with database.write() as session:
        session.add(Project(organization_id=1, title="Birds"))

    with database.read() as session:
        session.exec(select(Project)).one().title = "Cats"
        session.flush()

    assert titles(database) == ["Birds"]


def test_a_write_scope_inside_a_write_scope_is_refused(database):
    with (
        database.write(),
        pytest.raises(RuntimeError, match="inside a write scope"),
        database.write_connection(),
    ):
        pass

    with database.write() as session:  # and the scope outside went on and ended
        session.add(Project(organization_id=1, title="Birds"))
    assert titles(database) == ["Birds"]


def test_a_reader_sees_what_was_there_while_another_writes(database):
    with database.write() as session:
        session.add(Project(organization_id=1, title="Birds"))
        session.flush()

        assert titles(database) == []


@pytest.mark.parametrize("url", ["mysql://a/b", "no url", "postgresql+nothing"])
def test_another_database_is_refused_without_showing_its_url(url):
    with pytest.raises(ConfigurationError, match="not a database") as caught:
        Database(url)

    assert url not in str(caught.value)
    assert caught.value.field == "LABELDOCK_DATABASE_URL"


def test_parameters_stay_out_of_the_texts_of_errors(database):
    with (
        pytest.raises(DBAPIError, match="nothing") as caught,
        database.write() as session,
    ):
        session.execute(text("SELECT * FROM nothing WHERE a = :a"), {"a": "s3cret"})

    assert "s3cret" not in str(caught.value)


def test_sqlite_is_set_up_as_it_should_be(sqlite_database):
    with sqlite_database.read() as session:
        found = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert found == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


# Turns


def test_writers_come_in_the_order_in_which_they_asked():
    lock, order = FirstComeLock(), []
    threads = []

    def write(number):
        with lock:
            order.append(number)

    with lock:
        for number in range(8):
            threads.append(threading.Thread(target=write, args=(number,)))
            threads[-1].start()
            wait_until(lambda n=number: len(lock._waiting) == n + 1)
    for thread in threads:
        thread.join()

    assert order == list(range(8))


@pytest.fixture
def interruptible():
    """Ctrl-C raises, even where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_writer_that_is_interrupted_while_waiting_leaves_the_queue():
    lock, main = FirstComeLock(), threading.main_thread().ident
    entered, go_on = threading.Event(), threading.Event()

    def hold():
        with lock:
            entered.set()
            go_on.wait(10)

    def interrupt():
        wait_until(lambda: len(lock._waiting) == 1)
        signal.pthread_kill(main, signal.SIGINT)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(10)
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt, match=r"^$"), lock:
        pass
    go_on.set()
    holder.join()

    with lock:  # nobody holds it, and nobody waits in vain
        assert not lock._waiting


def test_a_turn_that_came_while_its_owner_gave_up_goes_to_the_next():
    lock = FirstComeLock()
    with lock:
        ticket, second = lock._join_queue(), lock._join_queue()

    lock._leave_queue(ticket)  # it was handed over already

    assert second.acquire(blocking=False)


def test_the_lock_survives_many_threads(database):
    def write(number):
        for _ in range(10):
            with database.write() as session:
                project = session.get(Project, 1, with_for_update=True)
                project.task_number += 1

    with database.write() as session:
        session.add(Project(organization_id=1, id=1, title="Birds"))
    run_threads(write, 6)

    with database.read() as session:
        assert session.get(Project, 1).task_number == 60


def add_projects(url, start, count):
    database = Database(url)
    start.wait(60)
    for _ in range(count):
        with database.write() as session:
            session.exec(select(Project)).all()  # reads first, then writes
            session.add(Project(organization_id=1, title="Birds"))
    database.close()


def test_processes_write_one_sqlite_file_at_once(sqlite_database, sqlite_installation):
    start = PROCESSES.Event()
    workers = [
        PROCESSES.Process(
            target=add_projects, args=(sqlite_installation.url, start, 20)
        )
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(titles(sqlite_database)) == 40


def test_a_new_sqlite_file_may_be_opened_by_many_at_once(tmp_path):
    errors = []

    def open_(number):
        database = Database(f"sqlite:///{tmp_path}/new/labeldock.db")
        try:
            with database.write() as session:
                session.execute(text(f"CREATE TABLE t{number} (id int)"))
        except DBAPIError as error:
            errors.append(error)
        finally:
            database.close()

    run_threads(open_, 8)

    assert errors == []


# Again


def test_a_use_case_that_lost_a_deadlock_is_run_again(postgres_database):
    """Two use cases lock two rows crosswise; the database breaks one of them off."""
    with postgres_database.write() as session:
        session.add(Project(organization_id=1, id=1, title="Birds"))
        session.add(Project(organization_id=1, id=2, title="Cats"))
    both_hold_one = threading.Barrier(2)
    attempts = []

    def cross(number):
        order = (1, 2) if number else (2, 1)

        def use_case(session):
            attempts.append(number)
            session.get(Project, order[0], with_for_update=True)
            if attempts.count(number) == 1:
                both_hold_one.wait(10)
            for each in order:
                project = session.get(Project, each, with_for_update=True)
                project.task_number += 1

        postgres_database.transact(use_case)

    run_threads(cross, 2)

    assert sorted(map(attempts.count, (0, 1))) == [1, 2]
    with postgres_database.read() as session:
        assert [p.task_number for p in session.exec(select(Project))] == [2, 2]


def test_a_use_case_that_fails_for_another_reason_is_not_run_again(database):
    attempts = []

    def use_case(session):
        attempts.append(1)
        session.add(Project(organization_id=1, title=None))
        session.flush()

    with pytest.raises(IntegrityError, match="title"):
        database.transact(use_case)

    assert attempts == [1]


def test_a_database_that_stays_locked_is_reported_in_the_end(
    sqlite_installation, monkeypatch
):
    monkeypatch.setattr("labeldock.db.engine._PRAGMAS", ("PRAGMA journal_mode=WAL",))
    impatient = Database(f"{sqlite_installation.url}?timeout=0.05")
    other = Database(sqlite_installation.url)

    with (
        other.write_connection(),
        pytest.raises(OperationalError, match="database is locked"),
    ):
        impatient.transact(lambda _: None)

    assert impatient.transact(lambda _: "later") == "later"
    impatient.close()
    other.close()


def run_threads(act, count):
    errors = []

    def run(number):
        try:
            act(number)
        except BaseException as error:  # noqa: BLE001  shown to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_database_that_is_made_is_for_its_owner_alone(tmp_path):
    before = os.umask(0o022)
    try:
        with closing(Database(f"sqlite:///{tmp_path / 'new' / 'it.sqlite3'}")) as made:
            schema.upgrade(made)
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode)
                for path in (tmp_path / "new").iterdir()
            }
    finally:
        os.umask(before)

    assert modes == dict.fromkeys(
        ("it.sqlite3", "it.sqlite3-shm", "it.sqlite3-wal"), 0o600
    )


def test_the_mode_of_a_database_that_is_there_is_kept(tmp_path):
    path = tmp_path / "it.sqlite3"
    path.touch()
    path.chmod(0o640)

    Database(f"sqlite:///{path}").close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o640

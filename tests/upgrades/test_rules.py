"""No migration takes away, or locks, what the version before still uses."""

from __future__ import annotations

import pytest

from tests.architecture.sources import ROOT
from tests.upgrades.freezing import MIGRATIONS, list_released, read_about
from tests.upgrades.made_up import write_migration
from tests.upgrades.recording import record_all
from tests.upgrades.rules import find_faults

FIRST = """
op.create_table("bird", sa.Column("id", sa.Integer()), sa.Column("name", sa.String(9)))
"""
ALONE = 'sa.Column("id", sa.Integer(), primary_key=True)'


@pytest.fixture
def check(tmp_path):
    """The faults of made-up migrations, which follow a first one."""

    def check_(*bodies, released=None):
        write_migration(tmp_path, "0001", None, FIRST)
        for number, (body, declared) in enumerate(bodies, 2):
            write_migration(
                tmp_path, f"{number:04}", f"{number - 1:04}", body, **declared
            )
        return find_faults(record_all(tmp_path), released or {"0.1.0": "0001"})

    return check_


@pytest.mark.parametrize(
    "body",
    [
        'op.add_column("bird", sa.Column("wings", sa.Integer()))',
        (
            'op.add_column("bird", sa.Column("wings", sa.Integer(), nullable=False, '
            'server_default="2"))'
        ),
        (
            'op.add_column("bird", sa.Column("at", sa.DateTime(), nullable=False, '
            "server_default=sa.func.now()))"
        ),
        (
            f'op.create_table("nest", {ALONE}, sa.Column("bird", sa.Integer(), '
            'sa.ForeignKey("bird.id")))\nop.create_index("ix", "nest", ["bird"])'
        ),
        f'made = op.create_table("nest", {ALONE})\nop.bulk_insert(made, [{{"id": 1}}])',
        'op.execute("INSERT INTO bird (id) VALUES (1)")',
        (
            'with op.batch_alter_table("bird") as batch:\n'
            '    batch.add_column(sa.Column("wings", sa.Integer()))\n'
            '    batch.alter_column("name", nullable=True, existing_type=sa.String(9))'
        ),
        (
            'op.alter_column("bird", "name", existing_type=sa.String(9), '
            "type_=sa.String(20))"
        ),
        'op.alter_column("bird", "name", existing_type=sa.String(9), type_=sa.Text())',
        'op.alter_column("bird", "name", server_default="robin")',
    ],
)
def test_what_an_older_version_passes_over_may_be_done(check, body):
    assert check((body, {})) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('op.drop_column("bird", "name")', "drops bird.name"),
        ('op.drop_table("bird")', "drops bird"),
        ('op.rename_table("bird", "animal")', "renames bird"),
        (
            'op.alter_column("bird", "name", new_column_name="title")',
            "renames bird.name",
        ),
        (
            'op.add_column("bird", sa.Column("wings", sa.Integer(), nullable=False))',
            "adds bird.wings NOT NULL without a server default",
        ),
        (
            (
                'op.add_column("bird", sa.Column("wings", sa.Integer(), '
                'server_default=sa.text("random()")))'
            ),
            "adds bird.wings with a default that every row",
        ),
        (
            'op.add_column("bird", sa.Column("wings", sa.Integer(), unique=True))',
            "adds bird.wings with an index",
        ),
        (
            (
                'op.add_column("bird", sa.Column("twice", sa.Integer(), '
                'sa.Computed("id * 2")))'
            ),
            "adds bird.twice, which every row",
        ),
        ('op.alter_column("bird", "id", nullable=False)', "makes bird.id NOT NULL"),
        (
            'op.alter_column("bird", "id", server_default=None)',
            "takes the server default of bird.id away",
        ),
        (
            (
                'op.alter_column("bird", "id", existing_type=sa.Integer(), '
                "type_=sa.SmallInteger())"
            ),
            "changes the type of bird.id",
        ),
        (
            (
                'op.alter_column("bird", "name", existing_type=sa.String(9), '
                "type_=sa.String(5))"
            ),
            "changes the type of bird.name",
        ),
        (
            (
                'op.alter_column("bird", "name", existing_type=sa.Text(), '
                "type_=sa.String(5))"
            ),
            "changes the type of bird.name",
        ),
        (
            'op.create_index("ix", "bird", ["name"])',
            "makes ix, which keeps writers out",
        ),
        (
            (
                'with op.batch_alter_table("bird") as batch:\n'
                '    batch.create_index("ix", ["name"])'
            ),
            "makes ix, which keeps writers out",
        ),
        ('op.drop_index("ix", "bird")', "drops ix"),
        ('op.create_unique_constraint("uq", "bird", ["name"])', "adds uq"),
        ('op.create_check_constraint("ck", "bird", "id > 0")', "adds ck"),
        ('op.create_foreign_key("fk", "bird", "bird", ["id"], ["id"])', "adds fk"),
        ('op.drop_constraint("uq", "bird")', "drops uq"),
        ('op.execute("ALTER TABLE bird ADD x int")', "executes SQL that no rule"),
        ("op.execute(\"UPDATE bird SET name = ''\")", "changes rows"),
        ('op.execute(sa.table("bird").delete())', "changes rows"),
        ("op.get_bind().exec_driver_sql('SELECT 1')", "asks the database"),
    ],
)
def test_what_an_older_version_would_not_stand_is_refused(check, body, fault):
    (found,) = check((body, {}))

    assert found.startswith(f"0002 {fault}")


LEFT = ("op.alter_column('bird', 'name', nullable=True)", {"leaves": ("bird.name",)})
DROP = 'op.drop_column("bird", "name")'


def test_what_a_named_release_has_left_may_be_taken_away(check):
    released = {"0.1.0": "0001", "0.2.0": "0002"}

    assert check(LEFT, (DROP, {"contracts": "0.2.0"}), released=released) == []


def test_a_table_that_was_left_takes_its_columns_along(check):
    left = ("op.alter_column('bird', 'id', nullable=True)", {"leaves": ("bird",)})
    drop = ('op.drop_table("bird")', {"contracts": "0.2.0"})

    assert check(left, drop, released={"0.2.0": "0002"}) == []


@pytest.mark.parametrize(
    ("released", "contracts", "fault"),
    [
        ({"0.1.0": "0001"}, "0.2.0", "contracts 0.2.0, which is no release (0.1.0)"),
        ({"0.1.0": "0001"}, "0.1.0", "drops bird.name, but no migration that 0.1.0"),
        ({"0.2.0": "0002"}, "", "drops bird.name; a later migration may"),
    ],
    ids=["unknown", "too early", "undeclared"],
)
def test_what_a_release_may_still_use_is_not_taken_away(
    check, released, contracts, fault
):
    drop = (DROP, {"contracts": contracts} if contracts else {})

    (found,) = check(LEFT, drop, released=released)

    assert found.startswith(f"0003 {fault}")


def test_nothing_is_renamed_or_locked_in_the_last_phase_either(check):
    body = 'op.rename_table("bird", "animal")\nop.create_index("ix", "bird", ["id"])'

    assert len(check((body, {"contracts": "0.1.0"}))) == 2


CONCURRENT = 'create_index_concurrently(op, "ix", "bird", ["name"])'


@pytest.mark.parametrize(
    ("body", "declared", "fault"),
    [
        (CONCURRENT, {"concurrent": True}, None),
        (CONCURRENT, {}, "does not say `concurrent = True`"),
        (
            f'{CONCURRENT}\nop.add_column("bird", sa.Column("x", sa.Integer()))',
            {"concurrent": True},
            "may hold create_index_concurrently alone",
        ),
        (
            'create_index_concurrently(op, "ix", "bird", ["name"], unique=True)',
            {"concurrent": True},
            "makes ix unique",
        ),
    ],
)
def test_an_index_is_made_while_others_write_and_alone(check, body, declared, fault):
    found = check((body, declared))

    assert [fault in text for text in found] == ([True] if fault else [])


def test_the_migrations_of_this_tree_are_safe():
    released = {
        a["version"]: a["revision"] for a in map(read_about, list_released(ROOT))
    }

    migrations = record_all(ROOT / MIGRATIONS)

    assert migrations[0].revision == "0001"
    assert find_faults(migrations, released) == []

"""What others build on is exported, described, and can travel."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
from importlib import import_module

import pytest

import labeldock
from labeldock import contract
from labeldock.contract import errors
from labeldock.contract.errors import LabeldockError, StorageError
from labeldock.contract.values import Problem
from tests.architecture.sources import all_modules

# Packages that others write code against.
PUBLIC = ("labeldock.contract", "labeldock.testing")

MODULES = {
    module.name: module
    for module in all_modules()
    if module.name.startswith(PUBLIC)
    and not any(part.startswith("_") for part in module.name.split("."))
}

NOT_NAMES = {"annotations"}  # the feature of __future__


def subclasses(kind):
    """A class and all below it, in the order of their definition."""
    return [
        kind,
        *(one for child in kind.__subclasses__() for one in subclasses(child)),
    ]


ERRORS = [kind for kind in subclasses(LabeldockError) if kind.__module__ in MODULES]


# Exports


def test_the_contract_exports_what_can_be_imported_from_it():
    importable = {
        name
        for name, value in vars(contract).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }

    assert importable - NOT_NAMES == set(contract.__all__)


def test_no_name_is_exported_twice():
    assert len(contract.__all__) == len(set(contract.__all__))


@pytest.mark.parametrize(
    "name", [name for name in MODULES if name.startswith("labeldock.contract.")]
)
def test_every_public_class_of_the_contract_is_exported(name):
    module = import_module(name)
    classes = {
        value.__name__
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == name
    }

    hidden = {one for one in classes if not one.startswith("_")} - set(contract.__all__)

    assert not hidden


@pytest.mark.parametrize("name", contract.__all__)
def test_labeldock_passes_the_contract_on(name):
    assert getattr(labeldock, name) is getattr(contract, name)
    assert name in dir(labeldock)


def test_labeldock_has_nothing_else_to_offer():
    with pytest.raises(AttributeError, match="no attribute 'services_of_mine'"):
        _ = labeldock.services_of_mine


# Docstrings


def find_undescribed(tree):
    """Names of public classes, functions and methods without a docstring."""
    return [
        name
        for name, node in _public(tree.body)
        if ast.get_docstring(node) is None and not _is_overload(node)
    ]


def _public(body, prefix=""):
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in body:
        if not isinstance(node, kinds) or node.name.startswith("_"):
            continue
        yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from _public(node.body, f"{prefix}{node.name}.")


def _is_overload(node):
    return any(ast.unparse(one).endswith("overload") for one in node.decorator_list)


@pytest.mark.parametrize("name", MODULES)
def test_everything_public_is_described(name):
    module = MODULES[name]

    assert ast.get_docstring(module.tree)
    assert find_undescribed(module.tree) == []


def test_what_is_not_described_is_found():
    source = '''
def f(): ...
def _g(): ...
class A:
    def m(self): """Told."""
    @property
    def p(self): ...
    def __repr__(self): ...
'''
    assert find_undescribed(ast.parse(source)) == ["f", "A", "A.p"]


# Errors


def build_error(kind):
    """An error with a value in every place that its class has."""
    values = {
        "field": "bucket",
        "key": "a/ü",
        "problems": [Problem("bucket", "is empty", "name one", "missing")],
        "remedy": "Name a bucket.",
        "retry_after": 1.5,
        "size": 7,
    }
    parameters = inspect.signature(kind).parameters
    given = {name: value for name, value in values.items() if name in parameters}
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        given["attempt"] = 2
    error = kind("it failed", **given)
    if isinstance(error, StorageError):
        error.locate(provider="s3", operation="get_data", storage_id=3)
    return error


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_survives_pickling_with_all_that_it_knows(kind):
    error = build_error(kind)

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is kind
    assert str(copy) == "it failed"
    assert vars(copy) == vars(error)
    assert len(vars(copy)) >= 4


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_can_be_made_from_its_message_alone(kind):
    assert str(kind("it failed")) == "it failed"


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_takes_a_field_a_remedy_and_a_context(kind):
    parameters = inspect.signature(kind).parameters

    missing = {"field", "remedy", "context"} - set(parameters)

    # A range is computed, not typed: there is no field that a person could correct.
    assert not missing or kind is errors.InvalidRange


def test_every_error_has_a_code_of_its_own():
    codes = [kind.code for kind in ERRORS]

    assert len(codes) == len(set(codes))
    assert all("code" in vars(kind) for kind in ERRORS)


DRAWN = re.compile(r"^    (?P<lead>[│├└─ ]*)(?P<name>[A-Z]\w+)(?: \((?P<mixin>\w+)\))?")


def read_drawing(text):
    """(name, name of the parent, builtin mixed in) of every class in the drawing."""
    path, found = [], []
    for line in text.splitlines():
        match = DRAWN.match(line)
        if match is None:
            continue
        del path[len(match["lead"]) // 4 :]
        found.append((match["name"], path[-1] if path else None, match["mixin"]))
        path.append(match["name"])
    return found


def describe_class(kind):
    """The same of a class."""
    ours = [base.__name__ for base in kind.__bases__ if base in ERRORS]
    foreign = [base.__name__ for base in kind.__bases__ if base not in ERRORS]
    if kind is LabeldockError:
        return kind.__name__, None, None
    return kind.__name__, ours[0], foreign[0] if foreign else None


def test_the_tree_of_errors_is_drawn_as_it_is():
    drawn = read_drawing(errors.__doc__)

    assert sorted(drawn, key=str) == sorted(map(describe_class, ERRORS), key=str)


def test_a_class_missing_in_the_drawing_is_noticed():
    drawn = errors.__doc__.replace("├── RateLimited\n", "")

    assert len(read_drawing(drawn)) == len(ERRORS) - 1

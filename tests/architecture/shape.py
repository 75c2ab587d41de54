"""How long functions and modules are: `python -m tests.architecture.shape`."""

from __future__ import annotations

import ast
import io
import statistics
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.architecture.sources import Module, all_modules

Function = ast.FunctionDef | ast.AsyncFunctionDef

NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class Measure:
    """A function or module, and how large it is in some unit."""

    place: str
    size: int

    def __str__(self) -> str:
        return f"{self.size:5}  {self.place}"


def measure_functions(modules: Sequence[Module]) -> list[Measure]:
    """Lines of code per function: no docstring, comments or empty lines."""
    return [
        Measure(f"{module.name}.{name}", len(_body_lines(function) & code))
        for module in modules
        for code in [_code_lines(module.text)]
        for name, function in _functions(module.tree)
    ]


def measure_arguments(modules: Sequence[Module]) -> list[Measure]:
    """Named arguments per function, without self and cls."""
    return [
        Measure(f"{module.name}.{name}", _count_arguments(function))
        for module in modules
        for name, function in _functions(module.tree)
    ]


def measure_modules(modules: Sequence[Module]) -> list[Measure]:
    """Lines per module, everything counted."""
    return [Measure(module.name, len(module.text.splitlines())) for module in modules]


def percentile(measures: Sequence[Measure], share: float) -> float:
    """The size that `share` of the measures do not exceed."""
    sizes = sorted(measure.size for measure in measures)
    return sizes[min(len(sizes) - 1, int(share * len(sizes)))]


def median(measures: Sequence[Measure]) -> float:
    """The size in the middle."""
    return statistics.median(measure.size for measure in measures)


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    for node in ast.iter_child_nodes(tree):
        name = prefix
        if isinstance(node, Function | ast.ClassDef):
            name = f"{prefix}{node.name}."
        if isinstance(node, Function):
            yield name[:-1], node
        yield from _functions(node, name)


def _code_lines(text: str) -> set[int]:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def _body_lines(function: Function) -> set[int]:
    lines = set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        end = docstring.end_lineno or docstring.lineno
        lines -= set(range(docstring.lineno, end + 1))
    return lines


def _count_arguments(function: Function) -> int:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return len([argument for argument in named if argument.arg not in {"self", "cls"}])


def render(title: str, measures: Sequence[Measure], longest: int = 5) -> str:
    """A table of how the sizes spread, with the largest by name."""
    shares = (
        (0.5, "median"),
        (0.75, "p75"),
        (0.9, "p90"),
        (0.95, "p95"),
        (0.99, "p99"),
    )
    spread = [f"{name} {percentile(measures, share)}" for share, name in shares]
    largest = sorted(measures, key=lambda measure: -measure.size)[:longest]
    lines = [
        f"{title}: {len(measures)}",
        f"  {' · '.join(spread)} · max {largest[0].size}",
        *(f"  {measure}" for measure in largest),
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the distributions of the whole workspace."""
    modules = all_modules()
    tables = [
        render("lines of code per function", measure_functions(modules)),
        render("lines per module", measure_modules(modules)),
        render("arguments per function", measure_arguments(modules)),
    ]
    sys.stdout.write("\n\n".join(tables) + "\n")


if __name__ == "__main__":
    main()

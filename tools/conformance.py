"""Write docs/conformance.md: every row of the profiles with the tests that carry its mark.

    python tools/conformance.py [--check]

Reads the rows in tests/conformance/rows.py and the marks in the tests' source; runs nothing. With
`--check` it writes nothing and fails if the page is not what it would write, or a row has no test.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.conformance.rows import ROWS, SECTIONS, Row  # noqa: E402  # after the path to it

PAGE = ROOT / "docs" / "conformance.md"
HEAD = """\
# Conformance

What the Bluetooth profiles ask of a collector, and the tests that prove it here.
It is written by `tools/conformance.py` from the marks on the tests.
A row without a test fails the build.

The test suites of the Bluetooth SIG are for members, and this is no qualification.
The numbers of the first two profiles come from a chip vendor's public test applications.
Rows that begin with `R-` are ours, put together from what the specifications demand of a client.
"""


def marked() -> dict[str, list[str]]:
    """Return the tests by the row they carry the mark of, as `path::name`, sorted."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "mark.conformance" not in source:
            continue
        for name, row in _marks(ast.parse(source)):
            found.setdefault(row, []).append(f"{path.relative_to(ROOT)}::{name}")
    return found


def problems(tests: dict[str, list[str]]) -> list[str]:
    """Say which rows have no test, and which marks name no row that is offered."""
    offered = {row.id for row in ROWS if row.excluded is None}
    return [
        *(f"{row}: no test carries its mark" for row in sorted(offered - tests.keys())),
        *(f"{row}: {tests[row][0]} names no row that is offered" for row in tests.keys() - offered),
    ]


def page(tests: dict[str, list[str]]) -> str:
    """Return the page."""
    lines = [HEAD]
    for section in SECTIONS:
        lines += [f"## {section.title}", "", "| row | the gateway | proved by |", "|---|---|---|"]
        lines += [f"| `{row.id}` | {row.purpose} | {_proof(row, tests)} |" for row in section.rows]
        lines.append("")
    return "\n".join(lines)


def _proof(row: Row, tests: dict[str, list[str]]) -> str:
    if row.excluded is not None:
        return row.excluded
    return "<br>".join(_link(test) for test in tests.get(row.id, ()))


def _link(test: str) -> str:
    path, name = test.split("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})"


def _marks(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(
                "mark.conformance"
            ):
                for argument in decorator.args:
                    yield node.name, str(ast.literal_eval(argument))


def main() -> int:
    """Write or check the page; say what is wrong."""
    tests = marked()
    wrong = problems(tests)
    text = page(tests)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        wrong.append("docs/conformance.md is not current: run `make docs`")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

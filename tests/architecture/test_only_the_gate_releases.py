"""Consent is checked in one place: nothing but the gate makes a `Released`."""

import ast
from pathlib import Path

import gateway

ROOT = Path(gateway.__file__).parent


def calls(tree: ast.AST, name: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == name)
            or (isinstance(node.func, ast.Attribute) and node.func.attr == name)
        )
    ]


def makers_of(name: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if calls(ast.parse(path.read_text()), name)
    }


def test_only_the_consent_gate_makes_a_released() -> None:
    assert makers_of("Released") == {"consent/gate.py"}


def test_nothing_copies_or_unpickles_its_way_around_the_gate() -> None:
    for maker in ("replace", "__new__", "deepcopy"):
        for path in ROOT.rglob("*.py"):
            tree = ast.parse(path.read_text())
            imports = {
                alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            if "Released" in imports:
                assert not calls(tree, maker), f"{path}: {maker}"


def test_send_takes_nothing_but_a_released() -> None:
    tree = ast.parse((ROOT / "uplink" / "api.py").read_text())

    sends = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.name in {"send", "find"}
    ]

    assert len(sends) == 2
    for send in sends:
        arguments = [*send.args.posonlyargs, *send.args.args][1:]
        assert [ast.unparse(a.annotation) for a in arguments if a.annotation] == ["Released"]


def test_a_correction_is_made_of_what_the_gate_released() -> None:
    assert makers_of("ReleasedCorrection") == {"journal/correcting.py", "uplink/relay.py"}
    tree = ast.parse((ROOT / "uplink" / "api.py").read_text())

    (correct,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "correct"
    ]

    arguments = [*correct.args.posonlyargs, *correct.args.args][1:]
    assert [ast.unparse(a.annotation) for a in arguments if a.annotation] == ["ReleasedCorrection"]

"""Consent is checked in one place: nothing but the gate makes a `Released`."""

import ast
from functools import cache
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


@cache
def trees() -> dict[str, ast.Module]:
    """Return every module of the gateway, by its path."""
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}


def makers_of(name: str) -> set[str]:
    return {path for path, tree in trees().items() if calls(tree, name)}


def test_only_the_consent_gate_makes_a_released() -> None:
    assert makers_of("Released") == {"consent/gate.py"}


def test_nothing_copies_or_unpickles_its_way_around_the_gate() -> None:
    for path, tree in trees().items():
        imports = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        if "Released" in imports:
            for maker in ("replace", "__new__", "deepcopy"):
                assert not calls(tree, maker), f"{path}: {maker}"


def test_send_takes_nothing_but_a_released() -> None:
    tree = trees()["uplink/api.py"]

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
    tree = trees()["uplink/api.py"]

    (correct,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "correct"
    ]

    arguments = [*correct.args.posonlyargs, *correct.args.args][1:]
    assert [ast.unparse(a.annotation) for a in arguments if a.annotation] == ["ReleasedCorrection"]

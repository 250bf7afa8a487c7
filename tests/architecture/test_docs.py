"""Pages that are written from the code are those of this code."""

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_configuration_page_is_current() -> None:
    made = tool("configuration")

    assert made.PAGE.read_text() == made.page(), "run 'make docs'"


def test_the_document_of_the_api_is_current() -> None:
    made = tool("openapi")

    assert made.DOCUMENT.read_text() == made.document(), "run 'make docs'"

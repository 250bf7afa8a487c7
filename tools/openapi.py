"""Write docs/openapi.json, the document of the local API. `make docs` runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from gateway.api.hub import Hub
from gateway.api.server import make_app

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.json"


def document() -> str:
    """Return the document as text. No route is called, so the hub can be missing."""
    app = make_app(cast("Hub", None))
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")

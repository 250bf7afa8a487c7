"""Style and scripts, from memory: they are a few, small, and the same until the daemon is upgraded.

Starlette's own way opens each in a thread, at every page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import blake2s
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def from_memory(folder: Path) -> Callable[[Request], Awaitable[Response]]:
    """Answer with the file of the folder that `name` in the path names, as it is now.

    Browsers keep it, and ask each time whether it is still the same: so a page that an upgrade
    changed never runs with the script of the version before. Spec: RFC 9110 8.8.3 and 13.1.2.
    """
    known = {each.name: _Known(each) for each in folder.iterdir() if each.suffix in _TYPES}

    async def answer(request: Request) -> Response:
        found = known.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return found.answer(request.headers.get("if-none-match", ""))

    return answer


class _Known:
    def __init__(self, file: Path) -> None:
        self._content = file.read_bytes()
        self._type = _TYPES[file.suffix]
        self._tag = f'"{blake2s(self._content, digest_size=16).hexdigest()}"'

    def answer(self, held: str) -> Response:
        """Answer to who holds what has these tags, as a header lists them."""
        headers = {"ETag": self._tag, "Cache-Control": "no-cache"}
        if self._tag in (tag.strip().removeprefix("W/") for tag in held.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(self._content, media_type=self._type, headers=headers)

"""Makes pages from templates: the only file that knows Jinja2.

It costs four megabytes and a tenth of a second, so it is loaded with the first page that anybody
looks at; a hub that nobody looks at never pays.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"


class Rendering:
    """The templates. Every value is escaped; one that is missing is an error, not a gap."""

    def render(self, template: str, **values: object) -> str:
        """Return the page as text."""
        return self._environment.get_template(template).render(values)

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        return Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

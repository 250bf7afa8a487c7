"""What the values of this package have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Never changes, and is what its type says: a copy is checked like a new one.

    pydantic checks no copy. What is stored that is no reading could never be shown again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy it with changes. Raises ValidationError if that makes none of its type."""
        return self.model_validate(dict(super().model_copy(update=update, deep=deep)))

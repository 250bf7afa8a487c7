"""A document: a page made here about a person, as the bytes of a file."""

from __future__ import annotations

from pydantic import AwareDatetime, ConfigDict, Field

from gateway.domain.value import Value


class Document(Value):
    """A file and what is said of it. Its bytes never change: sending again sends the same."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    title: str
    language: str
    """`fr` or `en`."""
    media_type: str
    made_at: AwareDatetime
    content: bytes = Field(repr=False)

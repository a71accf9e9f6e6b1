"""The base of all records: frozen, strict about unknown fields, and JSON both ways."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen value. Two records with equal fields are equal; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

"""Commands on hardware profiles."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from ..profiles.finding import all_profiles, choose
from ..profiles.matching import availability
from .plain_table import visible_table


def list_profiles(folders: Sequence[Path]) -> None:
    """A row for each profile: whether it can run here, and if not, why and what would mend it."""
    rows: list[tuple[object, ...]] = []
    for profile in all_profiles(folders).values():
        state = availability(profile)
        here = "available" if state.available else "unavailable"
        rows.append((profile.name, here, profile.evidence, state.reason or profile.title, state.remedy))
    sys.stdout.write(visible_table(rows, ("profile", "here", "evidence", "what or why", "remedy")))


def show_profile(name: str, folders: Sequence[Path]) -> None:
    """One profile as YAML, and whether it can run here."""
    (profile,) = choose([name], all_profiles(folders))
    data = {**profile.model_dump(mode="json", by_alias=True), "here": availability(profile).model_dump()}
    sys.stdout.write(yaml.safe_dump(data, sort_keys=False))

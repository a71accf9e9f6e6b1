"""Turns a profile's options into a runner's typed ones, and says which option is wrong."""

from __future__ import annotations

import difflib
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from xbench.errors import InputError
from xbench.records.profile import HardwareProfile

M = TypeVar("M", bound=BaseModel)


def typed_options(profile: HardwareProfile, options_type: type[M]) -> M:
    """The profile's options as the runner's model.

    Raises InputError that names the option, the nearest one that there is, and all of them.
    """
    try:
        return options_type.model_validate(profile.options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = [field.alias or name for name, field in options_type.model_fields.items()]
        told = first["msg"]
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(where, known, n=1)
            told = "there is no option of this name" + (f"; did you mean {near[0]!r}?" if near else "")
        raise InputError(
            f"Profile {profile.name!r} has an option {where!r} that cannot be used",
            told,
            f"options of runner {profile.runner!r}: {', '.join(known)}",
        ) from error


def require_precision(profile: HardwareProfile, *computed: str) -> None:
    """Raise InputError where the profile names another precision than those that its options can compute in."""
    if profile.precision not in computed:
        raise InputError(
            f"Profile {profile.name!r} names the precision {profile.precision}",
            f"its runner {profile.runner!r} with these options computes in {' or '.join(computed)}",
            f"write precision: {computed[0]}, or change the options",
        )

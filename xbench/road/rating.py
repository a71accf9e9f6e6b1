"""The rates of a target that what it can gain at best stands on."""

from __future__ import annotations

from ..errors import StoreError
from ..plugins import runner_class
from ..profiles.ceilings import read_ceilings
from ..records.fingerprint import Fingerprint
from ..records.profile import HardwareProfile
from ..records.work import Ceiling
from ..worth.bounding import ceiling_of


def rated(profile: HardwareProfile, machine: Fingerprint) -> tuple[Ceiling | None, str]:
    """What `xbench hardware probe` measured on this machine, else the profile's facts; None comes with the reason.

    `profile` is that of the device as the user named it: what a run adds to its options is not what was probed.
    """
    if runner_class(profile.runner).simulated:
        return None, "simulated: nothing is computed"
    if profile.emulation is not None:
        return None, "its processor is emulated: its times mean nothing"
    command = f"xbench hardware probe {profile.name}"
    try:
        measured = read_ceilings(profile, machine)
    except StoreError as error:
        # Where the file lies belongs in no record.
        return None, f"what was measured here cannot be read: {error.found}; run `{command}`"
    found = ceiling_of(profile, measured)
    if isinstance(found, Ceiling):
        return found, ""
    if measured is None:
        return None, f"{found}, and this machine was not measured as it is now: run `{command}`"
    why = "; ".join(f"{what}: {reason}" for what, reason in measured.missing.items())
    return None, f"{found}, and `{command}` found none{f' ({why})' if why else ''}"

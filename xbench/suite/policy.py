"""Reads a policy: what a release must hold, in a file of its own that several suites share, or in a suite."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
from ..records.policy import Policy
from ..validation import validate
from ..yamlfile import parse, read_text
from .rules import PolicyFile, PolicySpec


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy and its text, which a run keeps. `shared`: from a file, which other suites may use as well."""

    policy: Policy = field(default_factory=Policy)
    text: str = ""
    shared: bool = False

    @property
    def sha256(self) -> str:
        """Digest of the text: a run is resumed only under the policy that it was begun with. Empty without one."""
        return hashlib.sha256(self.text.encode()).hexdigest() if self.text else ""


def load_policy(path: Path) -> LoadedPolicy:
    """Read and check a policy file. Raises InputError with line and column."""
    text = read_text(path, "policy")
    document = parse(text, path.name)
    if not isinstance(document.data, dict):
        raise InputError(
            f"{path.name}: a policy is a mapping of keys", "", "see docs/policy.md, or `xbench suite schema --policy`"
        )
    return LoadedPolicy(validate(document, PolicyFile).record(), text, shared=True)


def policy_within(spec: PolicySpec) -> LoadedPolicy:
    """The policy that is written in a suite. Its text is its own JSON, which is YAML too."""
    policy = spec.record()
    return LoadedPolicy(policy, policy.model_dump_json(by_alias=True, exclude_none=True, indent=1) + "\n")

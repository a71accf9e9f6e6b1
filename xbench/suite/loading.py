"""Reads a suite from its file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from ..errors import InputError
from ..sources.paths import path_from
from ..validation import validate
from ..yamlfile import parse, read_text
from .model import Suite
from .policy import LoadedPolicy, load_policy, policy_within


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """A suite, the folder that its relative paths start from, its text and the text's digest.

    `policy` is the one that is in force beside the suite's own gates; an empty one where none is named.
    """

    suite: Suite
    base: Path
    text: str
    policy: LoadedPolicy = field(default_factory=LoadedPolicy)

    @property
    def sha256(self) -> str:
        """Digest of the text: a run is resumed only by the suite that it was begun with."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def path(self, relative: str) -> Path:
        """A path of the suite's, made absolute. Raises InputError for one that no file can have."""
        return path_from(self.base, relative)


def load_suite(path: Path) -> LoadedSuite:
    """Read and check a suite. Raises InputError with line and column."""
    text = read_text(path, "suite")
    document = parse(text, path.name)
    if not isinstance(document.data, dict):
        raise InputError(
            f"{path.name}: a suite is a mapping of keys", "", "see docs/suite.md, or `xbench suite schema`"
        )
    loaded = LoadedSuite(validate(document, Suite), path.resolve().parent, text)
    return replace(loaded, policy=_policy(loaded))


def _policy(loaded: LoadedSuite) -> LoadedPolicy:
    """The policy that the suite names or holds. Raises InputError with line and column."""
    named = loaded.suite.policy
    if named is None:
        return LoadedPolicy()
    return load_policy(loaded.path(named)) if isinstance(named, str) else policy_within(named)


def default_suite() -> Path:
    """The suite that `xbench run` takes when none is named."""
    return Path(str(resources.files("xbench.examples"))) / "minilm.yaml"

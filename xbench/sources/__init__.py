"""Where models come from: a Transformers directory, a function, a checkpoint, an installed package.

Nothing here reaches the network, unpickles code, or imports torch before it is called.
"""

from __future__ import annotations

from .checkpoint import load_checkpoint, read_checkpoint
from .factory import load_factory
from .packages import package_dir
from .transformers_dir import load_transformers

__all__ = ["load_checkpoint", "load_factory", "load_transformers", "package_dir", "read_checkpoint"]

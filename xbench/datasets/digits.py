"""scikit-learn's digits, split into those that examples train on and those that are scored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """scikit-learn's digits, split: training images and labels (1257), held-out images and labels (540).

    Images have shape (n, 1, 8, 8), float32, 0 to 1. The split is stratified and always the same.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise InputError(
            "The digits data need the package scikit-learn", "", "pip install 'xbench[quality]'"
        ) from error
    data = load_digits()
    images = (data.images / 16.0).astype(np.float32)[:, None]
    labels = data.target.astype(np.int64)
    train, held_out, train_labels, held_out_labels = train_test_split(
        images, labels, test_size=540, random_state=0, stratify=labels
    )
    return train, train_labels, held_out, held_out_labels

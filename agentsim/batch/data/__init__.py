"""Pictures that stand still: MNIST and Fashion-MNIST, found on disk or fetched, and scikit-learn's digits.

`find` says where they are looked for, `fetch` gets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.data.catalogue import entry_of
from agentsim.batch.data.check import check, problem
from agentsim.errors import UserError


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images (n, height, width) and labels (n,), all uint8 and not to be written to: for training, and for the test."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


def load(name: str, data_dir: str | Path | None = None) -> DataSet:
    """A data set, "mnist" or "fashion-mnist": 60,000 images of 28 x 28 for training, and 10,000 for the test.

    Every time, what is known of its files is verified: the md5 of MNIST's bytes, the shape of Fashion-MNIST's. Nothing
    is downloaded. Raises UserError if it is not here, or not whole.
    """
    entry, folder = entry_of(name), None if data_dir is None else Path(data_dir)
    found = check(entry, folder)
    if wrong := problem(entry, found, folder):
        raise UserError(wrong)
    return DataSet(*(each.array for each in found if each.array is not None))


def digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Scikit-learn's digits: images (1797, 8, 8) of 0 to 16, and labels (1797,), both uint8. They need no file.

    E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images.astype(np.uint8), found.target.astype(np.uint8)

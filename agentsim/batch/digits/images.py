"""Images as networks see them: training, validation and test sets that share none, and batches of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agentsim.batch import data
from brains.brain import Float

CLASSES = 10
SPLIT_SEED = 20_261_126
VALIDATION = 10_000  # of MNIST's training images
DIGITS_TEST, DIGITS_VALIDATION = 360, 180  # of 1,797
PIXELS = {"digits": 8 * 8, "mnist": 28 * 28, "fashion-mnist": 28 * 28}
BRIGHTEST = {"digits": 16.0}  # else 255


@dataclass(frozen=True)
class Images:
    """`pixels` (N, H, W) float32 of 0 to 1, `labels` (N,) of 0 to 9."""

    pixels: Float
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def flat(self) -> Float:
        """(N, H W)."""
        return self.pixels.reshape(len(self), -1)

    def first(self, count: int) -> Images:
        """The first ones."""
        return Images(self.pixels[:count], self.labels[:count])


@dataclass(frozen=True)
class Split:
    """What is learned, what is chosen by, and what is looked at once, at the end."""

    train: Images
    validation: Images
    test: Images


@cache
def split_of(name: str, data_dir: Path | None = None) -> Split:
    """The sets of `digits`, `mnist` or `fashion-mnist`; the validation set is taken from the training images, the same
    one for every seed. Raises UserError where the data are not there or damaged."""
    order = np.random.default_rng(SPLIT_SEED)
    if name == "digits":
        pixels, labels = data.digits()
        rows = order.permutation(len(labels))
        whole = _images(pixels[rows], labels[rows], BRIGHTEST[name])
        test, rest = _cut(whole, DIGITS_TEST)
        validation, train = _cut(rest, DIGITS_VALIDATION)
        return Split(train, validation, test)
    found = data.load(name, data_dir)
    rows = order.permutation(len(found.train_labels))
    validation, train = _cut(_images(found.train_images[rows], found.train_labels[rows], 255.0), VALIDATION)
    return Split(train, validation, _images(found.test_images, found.test_labels, 255.0))


def _images(pixels: NDArray[np.uint8], labels: NDArray[np.uint8], brightest: float) -> Images:
    return Images(pixels.astype(np.float32) / np.float32(brightest), labels.astype(np.int64))


def _cut(images: Images, count: int) -> tuple[Images, Images]:
    rest = Images(images.pixels[count:], images.labels[count:])
    return images.first(count), rest


def batch_of(images: Images, number: int, size: int, shift: int, seed: int) -> Images:
    """Batch number 0, 1, ...: every image once an epoch, in an order of its own, each moved by up to `shift` pixels."""
    size = min(size, len(images))
    epoch, place = divmod(number, len(images) // size)
    rows = _order(len(images), seed, epoch)[place * size : (place + 1) * size]
    pixels = images.pixels[rows]
    if shift:
        moves = np.random.default_rng([seed, 1, number]).integers(-shift, shift + 1, (size, 2))
        pixels = shifted(pixels, moves)
    return Images(pixels, images.labels[rows])


@cache
def _last_order(count: int, seed: int) -> dict[int, NDArray[np.int64]]:
    return {}


def _order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of an epoch, kept while it lasts."""
    kept = _last_order(count, seed)
    if epoch not in kept:
        kept.clear()
        kept[epoch] = np.random.default_rng([seed, 0, epoch]).permutation(count)
    return kept[epoch]


def shifted(pixels: Float, moves: NDArray[np.int64]) -> Float:
    """(N, H, W), each image moved by its (rows, columns) of `moves` (N, 2); what comes in is black."""
    count, height, width = pixels.shape
    edge = int(np.abs(moves).max(initial=0))
    padded = np.zeros((count, height + 2 * edge, width + 2 * edge), np.float32)
    padded[:, edge : edge + height, edge : edge + width] = pixels
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    return windows[np.arange(count), edge - moves[:, 0], edge - moves[:, 1]]

"""What images of each label are worth: to a judge, to each other, and to a classifier that has seen nothing else."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from agentsim.batch.digits.images import Images, shifted
from brains.brain import Float

HIDDEN = 256
BATCH = 128
JUDGE_UPDATES, UPDATES, SHIFTED_UPDATES = 5_000, 3_000, 4_000
ALIKE = 100  # images of a label whose distances are taken
NEAR = 500  # images whose nearest one is looked for
JUDGE_SEED, CLASSIFIER_SEED, SHIFT_SEED = 1, 3, 0

Classifier = torch.nn.Module


def classifier(pixels: Float, labels: NDArray[np.int64], updates: int, seed: int) -> Classifier:
    """A perceptron of one hidden layer that learned images (N, D), by Adam, its rate falling from 1e-3 to 0."""
    chance = torch.Generator().manual_seed(seed)
    x, y = torch.from_numpy(pixels), torch.from_numpy(labels)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = torch.nn.Sequential(
            torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, int(y.max()) + 1)
        )
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = 1e-3 * (1 - update / updates)
        rows = torch.randint(len(x), (BATCH,), generator=chance)
        optimizer.zero_grad()
        torch.autograd.backward(torch.nn.functional.cross_entropy(net(x[rows]), y[rows]))
        optimizer.step()
    return net


@torch.no_grad()
def shares(net: Classifier, images: Float) -> Float:
    """Of images (K, n, D) of each label, the share that is named so, (K,)."""
    said = net(torch.from_numpy(images.reshape(-1, images.shape[2]))).argmax(1).numpy().reshape(images.shape[:2])
    return (said == np.arange(len(images))[:, None]).mean(axis=1)


@torch.no_grad()
def accuracy(net: Classifier, images: Images) -> float:
    """The share of images named rightly."""
    return float((net(torch.from_numpy(images.flat)).argmax(1).numpy() == images.labels).mean())


def diversity(images: Float) -> float:
    """The mean Euclidean distance of two among the first hundred of a label, over all labels of (K, n, D)."""
    return float(np.mean([torch.pdist(torch.from_numpy(own[:ALIKE])).mean().item() for own in images]))


def nearest(pixels: Float, known: Float) -> float:
    """The mean Euclidean distance of images (N, D) to the nearest of those that are known (M, D); of so many at most,
    taken evenly."""
    some = pixels[np.linspace(0, len(pixels) - 1, min(NEAR, len(pixels))).astype(int)]
    return float(torch.cdist(torch.from_numpy(some), torch.from_numpy(known)).min(1).values.mean())


def worth(images: Float, judge: Classifier, known: Float, test: Images, *, shifts: bool) -> dict[str, float | None]:
    """Images (K, n, D) that were made of `known` (M, D): what a judge says of them, and how a classifier that has seen
    them alone names the test set; with `shifts`, also one that has seen each a second time, moved by up to a pixel."""
    count, many, size = images.shape
    found = shares(judge, images)
    pixels, labels = images.reshape(-1, size), np.repeat(np.arange(count), many)
    learned = classifier(pixels, labels, UPDATES, CLASSIFIER_SEED)
    moved = None
    if shifts:
        moves = np.random.default_rng(SHIFT_SEED).integers(-1, 2, (len(pixels), 2))
        more = shifted(pixels.reshape(-1, *test.pixels.shape[1:]), moves).reshape(-1, size)
        both = classifier(np.concatenate([pixels, more]), np.tile(labels, 2), SHIFTED_UPDATES, CLASSIFIER_SEED)
        moved = accuracy(both, test)
    return {
        "judge": float(found.mean()),
        "worst": float(found.min()),
        "diversity": diversity(images),
        "nearest": nearest(pixels, known),
        "classifier": accuracy(learned, test),
        "classifier_shifted": moved,
    }


def gaussian(images: Float, count: int, rank: int | None, chance: np.random.Generator) -> Float:
    """`count` draws (count, D) from a Gaussian of the mean and covariance of images (N, D), of the largest `rank`
    components or of all, clipped to what pixels can be."""
    mean = images.mean(axis=0)
    _, spread, components = np.linalg.svd(images - mean, full_matrices=False)
    spread = (spread / len(images) ** 0.5)[:rank]
    drawn = chance.standard_normal((count, len(spread)), np.float32)
    return np.clip(mean + (drawn * spread) @ components[:rank], 0, 1)

"""Test 16's data: a noisy concept of eight numbers, and what can be known of it without a brain."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentsim.studies.intervals import interval

SIZE, CLASSES = 8, 3
NOISE = 0.1  # the share of labels that are random
SAMPLES, HELD_OUT = 500, 2000


class Data(NamedTuple):
    """Samples x (n, SIZE) float32, their labels (n,) int64, and what the labels would be without noise."""

    x: NDArray[np.float32]
    label: NDArray[np.int64]
    clean: NDArray[np.int64]


def draw(count: int, rng: np.random.Generator) -> Data:
    """x ~ U(-1, 1)^8; q = [x0 x1 > 0] + 2 [x2 x3 > 0], (q + 1) mod 4 if the sum of the rest > 0; class q mod 3."""
    x = rng.uniform(-1, 1, (count, SIZE)).astype(np.float32)
    q = (x[:, 0] * x[:, 1] > 0) + 2 * (x[:, 2] * x[:, 3] > 0)
    clean = np.where(x[:, 4:].sum(1) > 0, (q + 1) % 4, q) % 3
    label = np.where(rng.random(count) < NOISE, rng.integers(0, CLASSES, count), clean)
    return Data(x, label, clean)


def of_seed(seed: int, samples: int = SAMPLES, held_out: int = HELD_OUT) -> tuple[Data, Data]:
    """What a seed trains on, and what it is held out from."""
    rng = np.random.default_rng([16, seed])
    return draw(samples, rng), draw(held_out, rng)


def bounds(seeds: int) -> dict[str, dict[str, Any]]:
    """Held-out accuracy of always naming the commonest training label, and of the concept itself: over the seeds, and
    `by_seed`."""
    pairs = [of_seed(seed) for seed in range(seeds)]
    commonest = [int(np.bincount(train.label, minlength=CLASSES).argmax()) for train, _ in pairs]
    found = {
        "majority": [
            float(np.mean(held_out.label == most)) for (_, held_out), most in zip(pairs, commonest, strict=True)
        ],
        "ceiling": [float(np.mean(held_out.label == held_out.clean)) for _, held_out in pairs],
    }
    return {name: {**(interval(shares) or {}), "by_seed": shares} for name, shares in found.items()}


def strangers(seeds: int) -> list[dict[str, Any]]:
    """scikit-learn's multilayer perceptron, and its classifier that always names the commonest class, on the same data.

    {name, train, held_out}, intervals over the seeds.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.neural_network import MLPClassifier

    kinds: dict[str, Any] = {
        "scikit-learn MLP 8-64-64-3": lambda seed: MLPClassifier((64, 64), max_iter=1000, random_state=seed),
        "scikit-learn most frequent class": lambda _: DummyClassifier(strategy="most_frequent"),
    }
    rows = []
    for name, make in kinds.items():
        scores = []
        for seed in range(seeds):
            train, held_out = of_seed(seed)
            fitted = make(seed).fit(train.x, train.label)
            scores.append([float(fitted.score(data.x, data.label)) for data in (train, held_out)])
        trained, held = zip(*scores, strict=True)
        rows.append({"name": name, "train": interval(trained), "held_out": interval(held)})
    return rows

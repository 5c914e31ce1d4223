"""Compiles the kernels of one sort of brain.

python -m brains.stepping.precompile taught|streaming|q_learning discrete|continuous stateful|stateless

Run by `kernels.compile.compiled_elsewhere`, in a process of its own.
"""

import sys

import numpy as np

from brains.brain import Body
from brains.stepping.kind import stepping
from brains.stepping.settings import SteppingConfig


def main(sort: str, actions: str, network: str) -> None:
    """Live one tick of such a brain, and of a frozen copy of it."""
    discrete, teacher = actions == "discrete", sort == "taught"
    replays = sort == "q_learning"
    config = SteppingConfig.model_validate(
        {
            "backend": "numba",
            "execution": "sequential",
            "readout": "softmax" if discrete and not replays else "linear",
            "replay": {"capacity": 1} if replays else None,
            "layers": [{"type": "rnn", "units": 2} if network == "stateful" else {"units": 2}, {}],
        }
    )
    bounds = () if discrete else (1.0, 1.0)
    body = Body(2, 2, discrete, tuple(-bound for bound in bounds), bounds, teacher)
    stepping(config, body, np.random.SeedSequence(0)).warm_up()


if __name__ == "__main__":
    main(*sys.argv[1:])

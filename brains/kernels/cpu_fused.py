"""Many ticks in one compiled call (numba): acting and learning on observations that are all there beforehand."""

from __future__ import annotations

from brains.kernels.compile import jit
from brains.kernels.cpu import act, learn


@jit
def live(
    operations, options, numbers, state, parameters, activity, replay, observations, targets, action, steps, ticks
):
    """Tick `ticks` times, starting again from the first of observations (T, N, obs) and targets (T, N, target_size).

    Every tick acts, then makes `steps` learning steps; `action` (N, 1 or actions) is that of the last one. The same
    bits as `act` and `learn` called tick by tick. Returns roll-backs.
    """
    rollbacks = 0
    for tick in range(ticks):
        now = tick % observations.shape[0]
        rollbacks += act(operations, options, state, parameters, activity, observations[now], action)
        for step in range(steps):
            rollbacks += learn(
                operations, options, numbers, state, parameters, activity, replay, targets[now], step == 0
            )[2]
    return rollbacks

"""Copies of a world beside it, for a brain that lives many lives at once or looks before it acts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worlds.kernels import layout
from worlds.lanes import Lanes


class Shadows:
    """Lanes of a chase / avoid world that follow the task of another one, `shown`, at every tick."""

    def __init__(self, lanes: Lanes, shown: Lanes) -> None:
        self.lanes, self.shown, self.count = lanes, shown, lanes.count

    @property
    def observations(self) -> NDArray[np.float32]:
        """What every lane shows now, (count, observation_size), valid until the next tick."""
        return self.lanes.observation[0]

    def begin(self, generator: np.random.Generator) -> None:
        """A new episode in every lane."""
        for lane in range(self.count):
            self.lanes.begin(lane, generator)

    def advance(self, actions: NDArray[np.int64]) -> NDArray[np.float32]:
        """A tick of every lane; returns rewards (count,)."""
        task = int(self.shown.state[0, layout.TASK])
        if task != self.lanes.state[0, layout.TASK]:
            self.lanes.switch_task(task)
        self.lanes.advance(actions[None])
        return self.lanes.reward[0]

    def foresee(
        self, plans: NDArray[np.int64], generator: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What would come of actions (ticks, count) from where the shown world is now, which nothing happens to.

        All lanes have one chance, keyed by a draw of `generator`: what tells them apart is what they do, and none has
        the shown world's own. Returns rewards (ticks, count) and observations (ticks, count, observation_size).
        """
        self.lanes.state[:] = self.shown.state[0]
        self.lanes.stream[:] = generator.integers(0, 2**64, dtype=np.uint64), 0
        self.lanes.advance(plans)
        return self.lanes.reward, self.lanes.observation

    def take_over(self, source: NDArray[Any], target: NDArray[Any]) -> None:
        """Lanes of `target` go on from where those of `source` are, with the same chance."""
        self.lanes.state[target], self.lanes.stream[target] = self.lanes.state[source], self.lanes.stream[source]
        self.lanes.sense()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The live arrays that going on exactly needs; `take_in` after a change."""
        return {"state": self.lanes.state, "stream": self.lanes.stream}

    def take_in(self) -> None:
        """Show what the arrays say."""
        self.lanes.sense()

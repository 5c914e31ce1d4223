"""The rows of a run's metrics as curves for TensorBoard, by simulated time."""

from __future__ import annotations

from typing import Any

from agentsim.loop.listener import Listener
from agentsim.loop.metrics import CURVES, Metrics
from agentsim.runs.directory import Recorder


class Board(Listener):
    """Writes into the folder "tensorboard" of a run directory, which is there from the first row on."""

    def __init__(self, recorder: Recorder, tick_hz: float) -> None:
        self._recorder, self._tick_hz = recorder, tick_hz
        self._writer: Any = None

    def metrics(self, row: Metrics) -> None:
        """A point on every curve, unless the run is no longer recorded."""
        if self._recorder.problem is None:
            try:
                self._add(row)
            except OSError as error:
                self._recorder.fail(error)

    def ended(self, figures: dict[str, Any]) -> None:
        """Write what is waiting."""
        if self._writer is not None:
            self._writer.close()

    def _add(self, row: Metrics) -> None:
        if self._writer is None:
            from tensorboardX import SummaryWriter

            self._writer = SummaryWriter(str(self._recorder.directory / "tensorboard"))
        curves = {name: getattr(row, name) for name in CURVES}
        curves |= {f"events/{name}": count for name, count in row.events.items()}
        curves |= {f"learning/{name}": value for name, value in row.extra.items()}
        points = [*curves.items(), *(("episode_return", value) for value in row.returns)]
        for name, value in points:
            if value is not None:
                self._writer.add_scalar(name, value, global_step=row.tick, walltime=row.tick / self._tick_hz)

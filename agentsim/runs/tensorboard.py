"""The rows of a run's metrics as curves for TensorBoard, by simulated time."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Board:
    """Writes into the folder "tensorboard" of a run directory, which is there from the first row on."""

    def __init__(self, directory: Path, tick_hz: float) -> None:
        self._directory, self._tick_hz = directory / "tensorboard", tick_hz
        self._writer: Any = None

    def add(self, row: dict[str, Any]) -> None:
        """A row of telemetry. Raises OSError."""
        if self._writer is None:
            from tensorboardX import SummaryWriter

            self._writer = SummaryWriter(str(self._directory))
        at = {"global_step": row["tick"], "walltime": row["tick"] / self._tick_hz}
        for name in ("accuracy", "score", "reward", "loss", "learning_steps", "rollbacks"):
            if row[name] is not None:
                self._writer.add_scalar(name, row[name], **at)
        for name, count in row["events"].items():
            self._writer.add_scalar(f"events/{name}", count, **at)
        for name, value in row["extra"].items():
            self._writer.add_scalar(f"learning/{name}", value, **at)
        for value in row["returns"]:
            self._writer.add_scalar("episode_return", value, **at)

    def close(self) -> None:
        """Write what is waiting."""
        if self._writer is not None:
            self._writer.close()

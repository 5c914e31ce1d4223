"""Many jobs in processes: none is lost with another, and what is kept is taken only for what it is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from agentsim.bench import learning
from agentsim.config.load import Config
from agentsim.studies import sweep
from agentsim.studies.entries import Entry, Run


def test_a_result_of_another_version_is_not_taken(make_config: Callable[..., Config], tmp_path: Path) -> None:
    entry = Entry("here", "mine", make_config())
    old, new = Run(entry, 0, "learning 1"), Run(entry, 0, "learning 2")
    sweep.write_result(old, {"a": (1, 0.1)}, tmp_path)
    assert sweep.read_result(old, tmp_path, ["a"]) == {"a": [1, 0.1]}
    sweep.path_of(old, tmp_path).rename(sweep.path_of(new, tmp_path))
    assert sweep.read_result(new, tmp_path, ["a"]) is None


def test_a_killed_process_does_not_lose_the_others(make_config: Callable[..., Config], monkeypatch: Any) -> None:
    """The second of four jobs always takes its pool with it: the others are done, each once."""
    done: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, *_: Any) -> None:
            super().__init__(1)
            self.broken = False

        def submit(self, work: Any, config: Any) -> Any:  # type: ignore[override]
            self.broken = self.broken or config.run.seed == 1
            if not self.broken:
                return super().submit(work, config)
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("killed"))
            return future

    def work(config: Config) -> dict[str, Any]:
        done.append(config.run.seed)
        return {}

    monkeypatch.setattr(sweep, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(sweep, "limit_threads", lambda: None)
    entry = Entry("here", "mine", make_config())
    found = {
        run.seed: result
        for run, result in sweep.all_results([Run(entry, k, learning.VERSION) for k in range(4)], work, 2, [])
    }
    assert sorted(done) == [0, 2, 3] and {seed for seed, result in found.items() if result == {}} == {*done}
    assert "was killed" in str(found[1])

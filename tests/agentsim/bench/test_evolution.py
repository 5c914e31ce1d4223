"""`agentsim bench evolution`: every row is there, does what it is measured for; peers that are not there are said."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from agentsim.bench import evolution
from agentsim.cli.app import app


def test_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = evolution.measure
    monkeypatch.setattr(evolution, "measure", lambda peers, **given: measure(peers, **given, block=0.002))
    done = CliRunner().invoke(app, ["bench", "evolution", "--repeats", "1", "--json"])
    assert done.exit_code == 0, done.output
    ours, other = json.loads(done.stdout)["rows"]
    assert (ours["what"], other["what"]) == ("agentsim", "torch, in chunks")
    assert other["ratio"] == pytest.approx(other["ms"] / ours["ms"])


def test_both_find_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """30 generations bring both a hundredfold nearer, as the specification measured at this rate (24)."""
    made: list[torch.Tensor] = []
    real = torch.randn

    def randn(*shape: int) -> torch.Tensor:
        made.append(real(*shape))
        return made[-1]

    torch.manual_seed(0)
    monkeypatch.setattr(torch, "randn", randn)
    step = evolution.chunked_torch()
    cells = dict(zip(step.__wrapped__.__code__.co_freevars, step.__wrapped__.__closure__, strict=True))  # type: ignore[attr-defined]
    weights, target = cells["weights"].cell_contents, made[0]
    first = (weights - target).norm()
    for _ in range(30):
        step()
    assert (weights - target).norm() < first / 50


@pytest.mark.parametrize(("peer", "said"), [("nobody", "nobody knows it"), ("torcheggroll", "pip install")])
def test_peers_that_are_not_there(monkeypatch: pytest.MonkeyPatch, peer: str, said: str) -> None:
    """With the command that helps, exit status 2; `agentsim bench --peer` is that of evolution."""
    find: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == peer else find(name, *more))
    done = CliRunner().invoke(app, ["bench", "--peer", peer])
    assert done.exit_code == 2
    assert said in done.stderr

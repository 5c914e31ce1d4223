"""`agentsim bench evolution`: every row is there, does what it is measured for; peers that are not there are said."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import numpy as np
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


def found(step: evolution.Step, name: str) -> Any:
    """What a step keeps under a name."""
    cells = dict(zip(step.__code__.co_freevars, step.__closure__, strict=True))  # type: ignore[attr-defined]
    return cells[name].cell_contents


def test_both_find_the_matrix() -> None:
    """40 generations bring both some hundredfold nearer, as the specification measured at this rate (24)."""
    torch.manual_seed(0)
    ours, other = evolution.ours(), evolution.chunked_torch()
    mean, target = found(ours, "evolution"), found(ours, "target")
    inner = other.__wrapped__  # type: ignore[attr-defined]
    weights, wanted = found(inner, "weights"), found(inner, "target")
    first = np.linalg.norm(mean.mean - target.ravel()), float((weights - wanted).norm())
    for _ in range(40):
        ours()
        other()
    assert np.linalg.norm(mean.mean - target.ravel()) < first[0] / 50
    assert float((weights - wanted).norm()) < first[1] / 50


@pytest.mark.parametrize(("peer", "said"), [("nobody", "nobody knows it"), ("torcheggroll", "pip install")])
def test_peers_that_are_not_there(monkeypatch: pytest.MonkeyPatch, peer: str, said: str) -> None:
    """With the command that helps, exit status 2; `agentsim bench --peer` is that of evolution."""
    find: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == peer else find(name, *more))
    done = CliRunner().invoke(app, ["bench", "--peer", peer])
    assert done.exit_code == 2
    assert said in done.stderr

"""The learning rules by name. A new one is its maths, in a file of each of `kernels`, and a line in RULES."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """A learning rule: where it is, and what else of a config it goes with.

    `reference` and `cpu` are modules that say of a sample its loss and its update (`sample`), and what an update does
    to the weights (`update`); a `reference` may be "module:class". `optimizer`: the config's optimizer and momentum do
    that, not velocities of the rule's own. `from_reward`: it follows the gradient of any loss (its `sample` is
    backprop's), so that it can learn from reward, and through skips while stepping. `explosion_detection`: its links
    have gaps that can be watched. `links`: what its samples leave in the row of errors, "errors" or "targets", where
    those are links (see `stepping.links`). `uses`: which of a layer's optional kernels (see `kernels.cpu`) it calls.
    """

    reference: str
    cpu: str
    optimizer: bool = False
    from_reward: bool = False
    explosion_detection: bool = False
    links: str = ""
    uses: tuple[str, ...] = ()


REFERENCE, CPU = "brains.kernels.reference", "brains.kernels.cpu"

RULES: dict[str, Rule] = {
    "backprop": Rule(f"{REFERENCE}.backprop", f"{CPU}.backprop", optimizer=True, from_reward=True),
    "tween": Rule(f"{REFERENCE}.tween", f"{CPU}.tween", links="targets", uses=("transpose",)),
    "tween_chain": Rule(
        f"{REFERENCE}.tween_chain", f"{CPU}.tween_chain", explosion_detection=True, links="errors", uses=("chain",)
    ),
}

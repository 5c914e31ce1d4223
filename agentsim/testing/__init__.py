"""Conformance tests for brains, worlds, layer types and learning rules, for use inside and outside this repository.

    from agentsim.testing import check_brain, check_layer, check_rule, check_world

    def test_my_brain():
        check_brain(lambda body, seed: MyBrain(MyBrain.Config(), body, seed))

    def test_my_world():
        check_world(lambda: MyWorld())

    def test_my_layer():
        check_layer("my_layer", units=5)

    def test_my_rule():
        check_rule("my_rule")

Each check is a plain assert whose message says which promise was broken.
"""

from __future__ import annotations

from agentsim.testing.brains import check_action, check_brain, lives
from agentsim.testing.layers import check_layer
from agentsim.testing.rules import check_rule
from agentsim.testing.worlds import check_world

__all__ = ["check_action", "check_brain", "check_layer", "check_rule", "check_world", "lives"]

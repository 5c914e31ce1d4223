"""Lanes as compiled code runs them: the same bits however many ticks or lanes at once, copied, and driven."""

import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsim.compiled import cache
from tests.worlds.placing import UP, lanes, tick
from worlds.kernels.layout import (
    AVOID,
    CHASE,
)
from worlds.lanes import oracle


@settings(max_examples=40)
@given(
    st.integers(0, 2**32),
    st.sampled_from((CHASE, AVOID)),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=90),
)
def test_many_ticks_at_once_are_the_same_bits_as_one_by_one(seed, task, classic, actions):
    plan = np.array(actions)
    together, single = lanes(2, task, classic, seed=seed), lanes(2, task, classic, seed=seed)
    together.advance(plan)
    for k in range(len(plan)):
        single.advance(plan[k : k + 1])
        np.testing.assert_array_equal(single.observation[0], together.observation[k])
        np.testing.assert_array_equal(single.reward[0], together.reward[k])
        np.testing.assert_array_equal(single.told[0], together.told[k])
    np.testing.assert_array_equal(together.state, single.state)
    np.testing.assert_array_equal(together.stream, single.stream)


DIGEST = """
import hashlib
import sys

import numpy as np

from agentsim.compiled import cache
from worlds.chase_evade import EvadeLanes
from worlds.lanes import Lanes

if sys.argv[1] == "interpreted":
    import interpreted  # beside this test
    cache.bound = interpreted.bound
digest = hashlib.blake2b()
worlds = [Lanes(3, classic, task, 0.5, 2) for classic in (False, True) for task in ("chase", "avoid")]
for world in [*worlds, EvadeLanes(3, 2, 3, 0.5, 2)]:
    for lane in range(3):
        world.begin(lane, np.random.default_rng(lane))
    for action in np.random.default_rng(9).integers(0, 4, (150, 1, *world.shape)):
        world.advance(action)
        for array in (world.state, world.stream, world.observation, world.reward, world.told, world.total, world.mean):
            digest.update(array.tobytes())
print(digest.hexdigest())
"""


def test_compiled_and_interpreted_worlds_are_the_same_bits():
    """Python's own IEEE 754 arithmetic is the oracle: the compiler fused, reordered and approximated nothing."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parent)])
    digests = {
        subprocess.check_output(
            [sys.executable, "-W", "ignore", "-c", DIGEST, how],
            text=True,
            env={**os.environ, "NUMBA_DISABLE_JIT": str(int(how == "interpreted")), "PYTHONPATH": path},
        )
        for how in ("compiled", "interpreted")
    }
    assert len(digests) == 1


def test_lanes_are_independent():
    """A lane alone has the same future as among others, also beyond a group of eight."""
    actions = np.random.default_rng(0).integers(0, 4, (100, 13))
    many = lanes(13, AVOID)
    for lane in (3, 7, 8, 12):
        alone = lanes(1, AVOID)
        alone.begin(0, np.random.default_rng([0, lane]))
        alone.advance(actions[:, lane : lane + 1])
        if lane == 3:
            many.advance(actions)
        np.testing.assert_array_equal(many.state[lane], alone.state[0])
        np.testing.assert_array_equal(many.observation[:, lane], alone.observation[:, 0])
        np.testing.assert_array_equal(many.told[:, :, lane], alone.told[:, :, 0])
        np.testing.assert_array_equal(many.reward[:, lane], alone.reward[:, 0])


def test_a_copy_has_arrays_of_its_own():
    """Compiled code knows arrays by their address: a copy that kept it would move the original."""
    world = lanes(3)
    copy = deepcopy(world)
    before = world.state.copy()
    np.testing.assert_array_equal(copy.state, before)
    tick(copy, UP)
    np.testing.assert_array_equal(world.state, before)
    assert (copy.state != before).any()
    tick(world, UP)
    np.testing.assert_array_equal(world.state, copy.state)


LIVE = """
from agentsim.compiled.jit import INTEGERS, kernel
from agentsim.compiled.pointers import call, integers

@kernel(INTEGERS)
def live(program):
    \"\"\"TICKS ticks of a world, by its own program and the address of its kernel, with the teacher's actions.\"\"\"
    told, actions = integers(program[3]), integers(program[4])
    for _ in range(program[0]):
        for row in range(program[5]):
            actions[row] = told[row]
        call(program[1], (integers(program[2]),))
"""


def test_compiled_code_can_drive_the_world(tmp_path, monkeypatch):
    """A loop that joins the world with a compiled brain, here one that asks the teacher."""
    (tmp_path / "driving_a_world.py").write_text(LIVE)
    monkeypatch.syspath_prepend(tmp_path)
    fused, python = lanes(3), lanes(3)
    advance = cache.address(fused.kernels[1])
    arrays = (fused.program, fused.arrays.teacher_actions, fused.arrays.actions)
    program = np.array([100, advance, *(array.__array_interface__["data"][0] for array in arrays), 3])
    cache.bound("driving_a_world:live", program)()
    for _ in range(100):
        python.advance(oracle(python.observation[0])[None])
    np.testing.assert_array_equal(fused.state, python.state)

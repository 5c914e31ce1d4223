"""Many ticks in one compiled call: acting and learning on observations that are all there beforehand."""

from __future__ import annotations

from agentsim.compiled.jit import INTEGERS, kernel
from agentsim.compiled.pointers import call, integers
from brains.kernels.program import option
from brains.kernels.program.live import ACT, DRAWS, LABELS, LEARN, OBSERVATIONS, PROGRAM, STEPS, TICKS

NUMBER = 4  # bytes


@kernel(INTEGERS)
def live(frame):
    """Tick TICKS times, starting again from the first draw after the last: the same bits as tick by tick."""
    program = integers(frame[PROGRAM])
    observation, target = program[option.OBSERVATION], program[option.TARGET]
    sensed = NUMBER * program[option.LANES] * program[option.SENSES]
    labelled = NUMBER * program[option.LANES] * program[option.TARGETS]
    for tick in range(frame[TICKS]):
        draw = tick % frame[DRAWS]
        program[option.OBSERVATION] = frame[OBSERVATIONS] + draw * sensed
        program[option.TARGET] = frame[LABELS] + draw * labelled
        call(frame[ACT], (program,))
        for step in range(frame[STEPS]):
            program[option.TAKES_IN] = 1 if step == 0 else 0
            call(frame[LEARN], (program,))
    program[option.OBSERVATION], program[option.TARGET] = observation, target

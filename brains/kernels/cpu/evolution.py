"""A population judged without being made: one product that all members share, and what is left of low rank."""

from __future__ import annotations

from agentsim.compiled.jit import INTEGERS, kernel
from agentsim.compiled.pointers import at, floats
from agentsim.compiled.vectors import WIDTH, fma, load, splat, total


@kernel(INTEGERS)
def squared_errors(program):
    """|R + s P_p|^2 and |R - s P_p|^2 of every pair p, R (samples, outputs) the mean's errors, P_p = (x B_p) A_p'.
    `program`: pairs, samples, outputs, a multiple of a vector's width, and the rank; then the addresses of R, of x B
    (samples, pairs, rank), of s A' (pairs, rank, outputs), and of what is found (pairs, 2). Of rank 0, which is full,
    what is projected is s P itself (samples, pairs, outputs)."""
    pairs, samples, outputs, rank = program[0], program[1], program[2], program[3]
    wrong, projected, scaled, found = (
        floats(program[4]),
        floats(program[5]),
        floats(program[6]),
        floats(program[7]),
    )
    for p in range(pairs):
        plus, minus = splat(0.0), splat(0.0)
        for s in range(samples):
            x = at(projected, (s * pairs + p) * rank)
            for o in range(0, outputs, WIDTH):
                step = load(projected, (s * pairs + p) * outputs + o) if rank == 0 else splat(0.0)
                for k in range(rank):
                    step = fma(splat(x[k]), load(scaled, (p * rank + k) * outputs + o), step)
                error = load(wrong, s * outputs + o)
                above, below = error + step, error - step
                plus, minus = fma(above, above, plus), fma(below, below, minus)
        found[2 * p], found[2 * p + 1] = total(plus), total(minus)

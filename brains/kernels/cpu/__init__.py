"""The kernels of a CPU (numba): the same maths as `reference`, in files of the same names, on raw pointers.

Operations and rules are found by name and called by address, so a network compiles what it uses. Every kernel of an
operation works on `count` rows at once: 1 when acting, a batch when replaying, lanes that share their weights.

    fire(operation, block, source, source_stride, target, target_stride, count)
        each row of `target` gets the operation's output, of its input in `target`, if that is of this tick (WITHIN),
        else in `source`; strides are in numbers
    back(operation, block, gradient, wave, stride, delta, dx, dx_stride, work, inner, count, wants)
        the vector-Jacobian product at the activations in `wave`: delta (count, width; stride `inner`) belongs to the
        output before the activation and may be overwritten. Writes dx (count, in) and adds to `gradient`, as `wants`
    chain(operation, value, velocity, wave, link, raw, dx, root)
        optional: Neural Tween's link, dx = clip(root W link), and its update by `raw`, in one pass; for a single row
    transpose(operation, block, wave, goal, total, size)
        optional: total (in,) = W goal and size = |W| 1, for the legacy tween rule; for a single row
"""

from __future__ import annotations

"""A Lyapunov function for the Syracuse map: V with V(T(n)) < V(n), from the next L steps of n alone.

`arithmetic` makes exact windows, `numbers` says which n, `closed_forms` and `networks` are the V's, `training` trains
one, `evaluation` measures it and `leaks` says what it must not have seen. See README.md.
"""

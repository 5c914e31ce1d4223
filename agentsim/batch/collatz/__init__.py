"""A Lyapunov function for the Syracuse map: V with V(T(n)) < V(n), from the next L steps of n alone.

`arithmetic` makes exact windows, `samples` says what a V may see of them; `orbits` and `draws` are the numbers.
`closed_forms` and, trained as `task` says, `networks` and `stepping` are the V's. `evaluation` measures them, `study`
and `trials` compare them. Nothing here claims a proof.
"""

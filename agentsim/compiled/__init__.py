"""The ground floor: what compiled code shares. It imports nothing of ours; brains and worlds may import it.

A kernel is a function on raw pointers that numba compiles to object code of its own, once, for the CPU it runs on;
whoever needs it asks for its address by name ("brains.kernels.cpu.dense:fire"). Where all kernels are in the cache,
numba is not even imported.
"""

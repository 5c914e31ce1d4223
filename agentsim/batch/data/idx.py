"""The IDX format: two zeros, a type, the number of dimensions, their sizes as big-endian uint32, and the values.

Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998. Here the type is always unsigned
bytes, 8.
"""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray


def parse(data: bytes, dimensions: int) -> NDArray[np.uint8]:
    """The array of so many dimensions that the bytes of an IDX file hold, which cannot be written to.

    Raises ValueError, with what is wrong, unless they are exactly that.
    """
    magic = bytes([0, 0, 8, dimensions])
    if data[:4] != magic:
        if data.lstrip()[:1] == b"<":
            raise ValueError("is a web page, not data")
        raise ValueError(f"is no IDX file of {dimensions} dimensions: it begins with {data[:4].hex(' ') or 'nothing'}")
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise ValueError(f"is truncated: {len(data)} bytes are not even its header of {start}")
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    wanted = start + math.prod(shape)
    if len(data) != wanted:
        wrong = "is truncated" if len(data) < wanted else "is too long"
        raise ValueError(f"{wrong}: it has {len(data):,} bytes, and its header promises {wanted:,}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)

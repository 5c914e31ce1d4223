"""Test numbers from a CSV file, and margins into one."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.collatz.arithmetic import LIMBS, WORD
from agentsim.batch.collatz.draws import evaluation_set
from agentsim.batch.collatz.evaluation import TestSet
from agentsim.errors import UserError
from agentsim.system.files import write_whole

MOST_BITS = WORD * LIMBS // 2  # so that there is room to climb


def read_numbers(path: Path) -> tuple[int, ...]:
    """The column `n` of a CSV file: odd numbers above 1. Raises UserError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if "n" not in (rows.fieldnames or ()):
                raise UserError(f"{path}:1: no column n; its first line must name the columns, one of them n")
            numbers = tuple(_number(path, rows.line_num, row["n"]) for row in rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read: {error}; give a CSV file with a column n") from None
    if not any(n % 4 == 3 for n in numbers) or not any(n % 4 == 1 for n in numbers):
        raise UserError(f"{path}: give at least one number that grows (3 mod 4) and one that shrinks (1 mod 4)")
    return numbers


def _number(path: Path, line: int, text: str | None) -> int:
    digits = (text or "").strip()
    n = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < MOST_BITS else 0
    if n < 3 or n % 2 == 0 or n.bit_length() > MOST_BITS:
        raise UserError(f"{path}:{line}: n: {digits!r:.50}; give an odd number above 1 of at most {MOST_BITS} bits")
    return n


def write_margins(
    path: Path, numbers: tuple[int, ...] | None, test: TestSet, margins: Mapping[str, NDArray[np.float64]]
) -> None:
    """n, w_expansion, whether n grows, and the margin of every V, a line a test number. Raises UserError."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["n", "w_expansion", "growth", *margins])
    columns = [[f"{margin:.6g}" for margin in of_one] for of_one in margins.values()]
    numbers = tuple(evaluation_set()) if numbers is None else numbers
    lines.writerows(zip(numbers, test.weights, test.numbers.grows.astype(int), *columns, strict=True))
    try:
        write_whole(path, text.getvalue().encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; give another --out") from error

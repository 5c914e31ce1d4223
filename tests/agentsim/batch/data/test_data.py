"""Data sets on disk: where they are found, what is refused, and the real ones where they are here."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import numpy as np
import pytest

from agentsim.batch import data
from agentsim.batch.data.catalogue import CATALOGUE, MNIST, NAMES
from agentsim.batch.data.check import UNSEALED, WHOLE, check
from agentsim.errors import UserError
from tests.agentsim.batch.data.small import ARRAYS, GZIPPED, PAGE, PLAIN, entry, packed, put

REAL = os.environ.get("AGENTSIM_DATA")
IMAGES, LABELS = NAMES[2:]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sets are a few pixels, the same ones; only of MNIST the unpacked bytes are known."""
    for each in (entry(), entry(sealed=False)):
        monkeypatch.setitem(CATALOGUE, each.name, each)


def is_loaded(data_dir: Path | None = None, name: str = "mnist") -> bool:
    found = data.load(name, data_dir)
    arrays = (found.train_images, found.train_labels, found.test_images, found.test_labels)
    return all(np.array_equal(*pair) for pair in zip(arrays, ARRAYS, strict=True))


@pytest.mark.parametrize("files", [GZIPPED, PLAIN], ids=["gzipped", "unpacked"])
@pytest.mark.parametrize("inner", ["", "mnist", "MNIST/raw"])
def test_it_is_found_wherever_people_put_it(tmp_path: Path, inner: str, files: dict[str, bytes]) -> None:
    put(tmp_path / "mine" / inner, files)
    assert is_loaded(tmp_path / "mine")


def test_data_dir_comes_before_the_variable_and_that_before_the_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the cache before ./data; what is given is looked in alone."""
    put(Path("data/MNIST/raw"), PLAIN)
    assert is_loaded() and check(entry())[0].path == Path("data/MNIST/raw") / NAMES[0]
    put(cache / "mnist", GZIPPED)
    assert check(entry())[0].path == cache / "mnist" / f"{NAMES[0]}.gz"
    (tmp_path / "named").mkdir()
    monkeypatch.setenv("AGENTSIM_DATA", "named")
    with pytest.raises(UserError, match=r"in none of named/mnist, named/MNIST/raw, named; `agentsim data fetch mnist`"):
        data.load("mnist")
    put(tmp_path / "given", PLAIN)
    assert is_loaded(tmp_path / "given")


def test_a_folder_that_has_all_is_taken_before_one_that_has_some(tmp_path: Path) -> None:
    put(tmp_path / "mnist", {f"{LABELS}.gz": GZIPPED[f"{LABELS}.gz"]})
    put(tmp_path, PLAIN)
    assert is_loaded(tmp_path)


def test_gzipped_anew_is_as_good(tmp_path: Path) -> None:
    put(tmp_path, {f"{name}.gz": gzip.compress(content, 1) for name, content in PLAIN.items()})
    assert is_loaded(tmp_path) and {each.words for each in check(entry(), tmp_path)} == {WHOLE}


MAGIC = "is no IDX file of 3 dimensions: it begins with"
BAD = {
    "truncated": (PLAIN[IMAGES][:-1], "is truncated: it has 39 bytes, and its header promises 40"),
    "truncated in its header": (PLAIN[IMAGES][:9], "is truncated: 9 bytes are not even its header of 16"),
    "gzipped and truncated": (GZIPPED[f"{IMAGES}.gz"][:-9], "is truncated: its gzip stream has no end"),
    "no gzip stream": (GZIPPED[f"{IMAGES}.gz"][:10] + b"\xff" * 30, "cannot be unpacked: Error -3"),
    "of another gzip checksum": (GZIPPED[f"{IMAGES}.gz"][:-8] + bytes(8), "cannot be unpacked: CRC check failed"),
    "too long": (PLAIN[IMAGES] + b"!", "is too long: it has 41 bytes"),
    "empty": (b"", f"{MAGIC} nothing"),
    "of another magic": (
        b"\0\0\x09\3" + PLAIN[IMAGES][4:],
        f"{MAGIC} 00 00 09 03",
    ),
    "labels": (PLAIN[LABELS], f"{MAGIC} 00 00 08 01"),
    "of another shape": (packed(ARRAYS[0]), "is 5 x 4 x 3 bytes, not 2 x 4 x 3"),
    "a bit flipped": (PLAIN[IMAGES][:-1] + bytes([PLAIN[IMAGES][-1] ^ 1]), "has the md5 [0-9a-f]{32} unpacked, not "),
    "a web page": (PAGE, "is a web page, not data"),
    "a web page, gzipped": (gzip.compress(PAGE), "is a web page, not data"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_is_not_right_is_refused_in_one_line(tmp_path: Path, bad: str) -> None:
    content, words = BAD[bad]
    put(tmp_path, GZIPPED | {f"{IMAGES}.gz": content})
    with pytest.raises(UserError) as refused:
        data.load("mnist", tmp_path)
    line = rf"{re.escape(str(tmp_path / IMAGES))}\.gz {words}.*; `agentsim data fetch mnist --data-dir .*` fetches it"
    assert re.fullmatch(line, str(refused.value))


def test_a_file_may_be_missing_or_be_no_file(tmp_path: Path) -> None:
    put(tmp_path, {name: content for name, content in PLAIN.items() if name != LABELS})
    with pytest.raises(UserError, match=rf"^{LABELS} is missing; "):
        data.load("mnist", tmp_path)
    (tmp_path / LABELS).mkdir()
    (tmp_path / IMAGES).unlink()
    with pytest.raises(UserError, match=rf"^{IMAGES} is missing \(and 1 more of MNIST not right\); "):
        data.load("mnist", tmp_path)


def test_unpacked_fashion_is_checked_by_its_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gzipped as published is known to be whole. MNIST's files have the same names, and are refused."""
    put(tmp_path / "FashionMNIST/raw", GZIPPED)
    put(tmp_path, PLAIN)
    with pytest.raises(UserError, match="is of MNIST "):
        data.load("fashion-mnist", tmp_path)
    monkeypatch.setitem(CATALOGUE, "mnist", MNIST)
    fashion = entry(sealed=False)
    assert is_loaded(tmp_path, "fashion-mnist")
    assert {each.words for each in check(fashion, tmp_path)} == {WHOLE}
    put(tmp_path / "fashion-mnist", PLAIN)
    assert {each.words for each in check(fashion, tmp_path)} == {UNSEALED}
    put(tmp_path / "fashion-mnist", {IMAGES: PLAIN[IMAGES][:-1]})
    with pytest.raises(UserError, match="is truncated"):
        data.load("fashion-mnist", tmp_path)


def test_what_is_asked_for_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"no data set is called 'emnist': it is one of mnist, fashion-mnist"):
        data.load("emnist")
    for wrong in (tmp_path / "nowhere", tmp_path / ("x" * 5000), "~nobody-at-all/data"):
        with pytest.raises(UserError, match=r"^--data-dir .*: there is no such folder"):
            data.load("mnist", wrong)
    monkeypatch.setenv("AGENTSIM_DATA", "nowhere")
    with pytest.raises(UserError, match=r"^AGENTSIM_DATA nowhere: there is no such folder"):
        data.load("mnist")


def test_digits_are_those_of_the_repository() -> None:
    """The counts of its description; every image has ink, and some of it is as dark as can be."""
    images, labels = data.digits()
    assert (images.shape, images.dtype, labels.shape, labels.dtype) == ((1797, 8, 8), "uint8", (1797,), "uint8")
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert images.max() == 16 and images.any((1, 2)).all()


@pytest.mark.skipif(not REAL, reason="AGENTSIM_DATA names no folder")
def test_mnist_is_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first labels, the test's counts, and the mean and deviation that everybody normalises by: 0.1307, 0.3081."""
    monkeypatch.undo()
    found = data.load("mnist", REAL)
    assert found.train_images.shape == (60_000, 28, 28) and found.test_images.shape == (10_000, 28, 28)
    assert found.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(found.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert [round(float(f(found.train_images) / 255), 4) for f in (np.mean, np.std)] == [0.1307, 0.3081]

"""The data sets that can be fetched: their files, what is known of them, and where copies lie.

MNIST is of Y. LeCun, C. Cortes and C. J. C. Burges, 1998; Fashion-MNIST of H. Xiao, K. Rasul and R. Vollgraf,
arXiv:1708.07747, 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentsim.errors import UserError


@dataclass(frozen=True)
class File:
    """An IDX file: its name unpacked (with .gz behind it, packed), its shape, and the digests that are known.

    gz_sha256 and gz_md5 are of the .gz file as the mirrors have it, md5 of the unpacked bytes. People gzip anew: only
    the last says something of any copy.
    """

    name: str
    shape: tuple[int, ...]
    gz_sha256: str
    gz_md5: str | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Entry:
    """A data set: training images and labels, test images and labels. Mirrors are addresses that a file's name is
    appended to."""

    name: str
    title: str
    torchvision: str  # the folder that torchvision gives it
    mirrors: tuple[str, ...]
    files: tuple[File, ...]


NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SHAPES = ((60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,))


def _files(**digests: tuple[str, str, str, str]) -> tuple[File, ...]:
    """The four files, from each kind of digest that is known, in their order."""
    return tuple(
        File(name, shape, **{kind: four[i] for kind, four in digests.items()})
        for i, (name, shape) in enumerate(zip(NAMES, SHAPES, strict=True))
    )


MNIST = Entry(
    "mnist",
    "MNIST",
    "MNIST",
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    _files(
        gz_sha256=(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        md5=(
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
    ),
)
FASHION_MNIST = Entry(
    "fashion-mnist",
    "Fashion-MNIST",
    "FashionMNIST",
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    _files(
        gz_sha256=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        gz_md5=(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
)
CATALOGUE = {entry.name: entry for entry in (MNIST, FASHION_MNIST)}


def entry_of(name: str) -> Entry:
    """The entry of a data set. Raises UserError if there is none of this name."""
    if name not in CATALOGUE:
        raise UserError(f"no data set is called {name!r}: it is one of {', '.join(CATALOGUE)}")
    return CATALOGUE[name]

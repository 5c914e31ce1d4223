"""Data sets from the internet. Nothing is written before all of a file is here and verified."""

from __future__ import annotations

import http.client
import tempfile
from pathlib import Path
from urllib.request import urlopen

from agentsim.batch.data.catalogue import Entry, File
from agentsim.batch.data.check import check, check_file, contents, is_published, problem
from agentsim.batch.data.find import folder_of, path_of, roots
from agentsim.errors import UserError, said
from agentsim.studies.report import progress
from agentsim.system.files import write_whole

PATIENCE = 20.0  # seconds without a byte until a mirror is given up
CHUNK = 1 << 16
LARGEST = 64 << 20  # bytes that a mirror may send


def fetch(entry: Entry, data_dir: Path | None = None) -> Path:
    """See to it that a data set is here, and give its folder: fetch what is missing or damaged, if anything is.

    It goes into the folder of the set's name in the first folder that is looked in. A file there is written whole or
    not at all, whatever happens meanwhile. Raises UserError if no mirror has it, or it cannot be written.
    """
    found = folder_of(entry, data_dir)
    if found and not problem(entry, check(entry, data_dir)):
        return found
    folder = roots(data_dir)[0] / entry.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for file in entry.files:
            if check_file(file, path_of(file, folder)).array is None:
                write_whole(folder / f"{file.name}.gz", _download(entry, file, folder))
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written to ({error.strerror}); name a folder that can be with --data-dir, or set "
            "AGENTSIM_DATA"
        ) from None
    return folder


def _download(entry: Entry, file: File, folder: Path) -> bytes:
    """The .gz file from the first mirror that has the published one. Raises UserError if none has."""
    failures = []
    for mirror in entry.mirrors:
        try:
            return _published(file, f"{mirror}{file.name}.gz")
        except (OSError, http.client.HTTPException) as error:  # no network, no such page, a connection that breaks
            failures.append(f"{mirror} failed ({' '.join(said(error).split())})")
        except ValueError as error:
            failures.append(f"what {mirror} sent {error}")
    names = ", ".join(f"{each.name}.gz" for each in entry.files)
    raise UserError(
        f"{file.name}.gz could not be fetched: {'; '.join(failures)}. Without a network: download {names} from "
        f"{entry.mirrors[0]} elsewhere and put them into {folder}, or set AGENTSIM_DATA to the folder that has them"
    )


def _published(file: File, address: str) -> bytes:
    """What is at an address. Raises ValueError, saying what is wrong, if that is not the file as it was published."""
    with urlopen(address, timeout=PATIENCE) as response:
        data, length = bytearray(), response.length
        bar, task = progress(f"{file.name}.gz, bytes", length)
        with bar:
            while (chunk := response.read(CHUNK)) and len(data) <= LARGEST:
                data += chunk
                bar.update(task, completed=len(data))
    content = bytes(data)
    if length and len(content) < length:
        raise ValueError(f"is truncated: {len(content):,} of {length:,} bytes")
    if not is_published(file, content):
        if content.lstrip()[:1] == b"<":
            raise ValueError("is a web page, not data")
        raise ValueError("has another checksum than the published file")
    contents(file, content)
    return content

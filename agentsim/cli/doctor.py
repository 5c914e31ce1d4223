"""`agentsim doctor`: versions, CPU, GPU, backends, worlds and display; what is missing and what to do about it."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Literal

import typer

import agentsim
from agentsim.cli.options import AsJson
from agentsim.system.machine import THREAD_VARIABLES, machine
from agentsim.system.output import Console, print_json
from agentsim.window.display import DISPLAY_VARIABLES, display_problem, pygame_version

State = Literal["ok", "absent", "missing"]  # absent: agentsim works without it; missing: it does not

_LIBRARIES = (
    "gymnasium",
    "matplotlib",
    "numpy",
    "psutil",
    "pydantic",
    "PyYAML",
    "rich",
    "safetensors",
    "scikit-learn",
    "tensorboardX",
    "typer",
)


@dataclass(frozen=True)
class Finding:
    """One line of the report; `advice` says what to do where something is not there."""

    section: str
    name: str
    value: str
    state: State = "ok"
    advice: str = ""


def doctor(as_json: AsJson = False) -> None:
    """Show versions, CPU, GPU, backends, worlds and display, and what is missing and what to do about it.

    Exit status 1 if something that agentsim needs is missing.

    \b
    Examples:
      agentsim doctor
      agentsim doctor --json
    """
    findings = examine()
    if as_json:
        print_json(as_dict(findings))
    else:
        show(findings)
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


def examine() -> list[Finding]:
    """Look at everything that agentsim uses. Never raises: what fails is a finding."""
    return [*_software(), *_processor(), *_backends(), *_kernels(), *_worlds(), *_display()]


def show(findings: list[Finding]) -> None:
    """Print the findings as a table, and what to do at the end."""
    from rich.table import Table

    console = Console(markup=False, highlight=False)
    marks = {"ok": "", "absent": "not there", "missing": "MISSING"}
    table = Table(box=None, show_header=False, padding=(0, 2))
    section = ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            table.add_row()
            table.add_row(section.upper())
        table.add_row(finding.name, finding.value, marks[finding.state])
    console.print(table)
    console.print()
    for finding in findings:
        if finding.advice:
            console.print(f"{finding.name}: {finding.advice}")
    if not any(finding.state == "missing" for finding in findings):
        console.print("Everything that agentsim needs is there.")


def as_dict(findings: list[Finding]) -> dict[str, Any]:
    """The findings for JSON: section -> name -> {value, state, advice}."""
    sections: dict[str, Any] = {}
    for finding in findings:
        entry = {"value": finding.value, "state": finding.state, "advice": finding.advice}
        sections.setdefault(finding.section, {})[finding.name] = entry
    return sections


def _software() -> list[Finding]:
    supported = sys.version_info >= (3, 11)
    findings = [
        Finding("software", "agentsim", agentsim.__version__),
        Finding(
            "software",
            "python",
            f"{platform.python_version()} {sys.executable}",
            "ok" if supported else "missing",
            "" if supported else "install Python 3.11 or newer",
        ),
        Finding("software", "platform", platform.platform()),
    ]
    for name in _LIBRARIES:
        try:
            findings.append(Finding("software", name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            findings.append(Finding("software", name, "", "missing", f"pip install {name}"))
    return findings


def _processor() -> list[Finding]:
    import psutil

    about = machine()
    load = about["load_average"][0] if about["load_average"] else 0.0
    memory = psutil.virtual_memory()
    return [
        Finding("processor", "cpu", about["cpu"]),
        Finding("processor", "cores", f"{about['cores']}, {about['usable_cores']} usable"),
        Finding(
            "processor",
            "load",
            f"{load:.2f}",
            advice="the machine is busy: expect late ticks" if load > 0.8 * about["usable_cores"] else "",
        ),
        Finding("processor", "memory", f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} GiB free"),
        *(Finding("processor", name, os.environ.get(name, "unset")) for name in THREAD_VARIABLES),
    ]


def _backends() -> list[Finding]:
    findings = [_imported("numba", "missing", "pip install numba: the CPU kernels need it")]
    findings.append(_imported("torch", "missing", "pip install torch: the reference backend needs it"))
    findings.append(_gpu())
    return findings


def _kernels() -> list[Finding]:
    from agentsim.compiled import cache, target

    kept, (cpu, _) = cache.lasting(), target.cpu()
    if kept is None:
        advice = (
            "every run compiles for seconds, and the code is lost at its end: make ~/.cache writable, or set "
            "XDG_CACHE_HOME to a folder that is"
        )
        return [Finding("kernels", "folder", "the user's cache cannot be written", "absent", advice)]
    return [
        Finding("kernels", "folder", str(kept)),
        Finding("kernels", "compiled for", cpu),
        Finding("kernels", "compiled", f"{len([*kept.glob(f'*-{cpu}-*.o')])} files of object code"),
    ]


def _imported(name: str, otherwise: State, advice: str) -> Finding:
    try:
        return Finding("backends", name, str(importlib.import_module(name).__version__))
    except Exception as error:  # a broken installation can raise anything
        reason = "not installed" if isinstance(error, ModuleNotFoundError) and error.name == name else str(error)
        return Finding("backends", name, reason, otherwise, advice)


def _gpu() -> Finding:
    try:
        import torch

        if torch.cuda.is_available():
            names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
            return Finding("backends", "gpu", f"{', '.join(names)}, CUDA {torch.version.cuda}")
        built_for = torch.version.cuda or "CPU only"
    except Exception:  # reported under torch
        built_for = "unknown"
    name = _nvidia_smi()
    if name:
        advice = (
            f"there is a GPU ({name}) but torch (built for: {built_for}) cannot use it: install a CUDA build of torch"
        )
        return Finding("backends", "gpu", name, "absent", advice)
    return Finding("backends", "gpu", "none found", "absent", "")


def _nvidia_smi() -> str:
    if not shutil.which("nvidia-smi"):
        return ""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ", ".join(answer.stdout.split("\n")).strip(", ") if answer.returncode == 0 else ""


def _worlds() -> list[Finding]:
    import gymnasium

    import worlds

    findings = []
    for world, (entry_point, line) in worlds.WORLDS.items():
        try:
            gymnasium.make(world).close()
            findings.append(Finding("worlds", world, line))
        except Exception as error:  # a broken installation can raise anything
            findings.append(Finding("worlds", world, f"{entry_point}: {error}", "missing", "install agentsim anew"))
    return findings


def _display() -> list[Finding]:
    findings = []
    try:
        findings.append(Finding("display", "pygame", pygame_version()))
    except Exception as error:
        findings.append(Finding("display", "pygame", str(error), "missing", "pip install pygame: the window needs it"))
    findings += [Finding("display", name, os.environ.get(name, "unset")) for name in DISPLAY_VARIABLES]
    problem = display_problem()
    advice = (
        "agentsim run shows the same figures in the terminal; over ssh use `ssh -X` for a window" if problem else ""
    )
    findings.append(Finding("display", "window", problem or "can be opened", "absent" if problem else "ok", advice))
    return findings

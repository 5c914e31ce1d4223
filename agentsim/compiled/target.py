"""The CPU that is compiled for."""

from __future__ import annotations

import os

import llvmlite.binding as llvm

SYMBOL = "agentsim_kernel"  # the one function of every file of object code


def cpu() -> tuple[str, str]:
    """(name, features), of this machine or as NUMBA_CPU_NAME and NUMBA_CPU_FEATURES say."""
    features = os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        features = llvm.get_host_cpu_features().flatten()
    return os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name(), features


def machine() -> llvm.TargetMachine:
    """LLVM's description of the CPU that is compiled for."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = cpu()
    triple = llvm.Target.from_default_triple()
    return triple.create_target_machine(cpu=name, features=features, opt=3, reloc="default", codemodel="jitdefault")

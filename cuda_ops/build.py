"""Compiles the C++ and CUDA ops once, and keeps them for the next start.

The sources in csrc/ have a plain C interface and know neither Python nor torch, so a compiler alone builds them in
seconds, no torch has to be imported to draw a picture, and a new torch needs no new build. A library's file name
carries a hash of its sources, its flags and the processor's abilities: a stale or foreign build is never loaded.
"""

import ctypes
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)

SOURCES = Path(__file__).parent / "csrc"
INSTALLED = Path(__file__).parent / "built"
"""Where an installation leaves libraries it has compiled."""

CPU_FLAGS = (
    *("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-pthread"),
    *("-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wno-psabi"),
)
CUDA_FLAGS = ("-O3", "-std=c++17", "-shared", "-Xcompiler", "-fPIC", "--use_fast_math", "--extra-device-vectorization")
CUDA_ARCHITECTURES = ("75", "80", "90")
"""What machine code is made for: it serves later cards of the same first digit; cards after the last translate its PTX.
"""


class BuildError(RuntimeError):
    """An op cannot be compiled here; the message names the fix."""


def load_library(name: str) -> ctypes.CDLL:
    """csrc/NAME.cpp (or .cu) compiled for this machine, from the cache if it is there.

    Raises BuildError without a compiler, where it fails or where its library cannot be kept: the same again at each
    later call.
    """
    loaded = _loaded(name)
    if isinstance(loaded, BuildError):
        raise loaded
    return loaded


@cache
def _loaded(name: str) -> ctypes.CDLL | BuildError:
    """A library, or why there is none: asked once."""
    try:
        source, file_name = library_files(name)
        for folder in (INSTALLED, cache_folder()):
            if (folder / file_name).is_file():
                return ctypes.CDLL(str(folder / file_name))
        return ctypes.CDLL(str(compile_library(source, cache_folder() / file_name)))
    except BuildError as error:
        return error
    except OSError as error:
        return BuildError(
            f"Compiled ops cannot be kept in or loaded from {cache_folder()} ({error.strerror or error}): set "
            "PORTRAIT_MANIFOLDS_CACHE to a folder that you may write to."
        )


def library_or_none(name: str, doing: str) -> ctypes.CDLL | None:
    """As `load_library`; None where that raises, which is logged: `doing` goes on by a reference, slowly."""
    try:
        return load_library(name)
    except BuildError as error:
        log.warning("%s without the compiled op, slowly: %s", doing, error)
        return None


def library_files(name: str) -> tuple[Path, str]:
    """An op's source, and the file name of its library on this machine."""
    source = next((path for path in (SOURCES / f"{name}.cpp", SOURCES / f"{name}.cu") if path.is_file()), None)
    if source is None:
        raise BuildError(f"There is no source of the op {name!r}: reinstall portrait-manifolds.")
    return source, f"{name}-{_key(source, _command(source))}{'.dll' if sys.platform == 'win32' else '.so'}"


def compile_library(source: Path, library: Path) -> Path:
    """Runs the compiler; the library appears whole or not at all."""
    command = _command(source)
    if shutil.which(command[0]) is None:
        wanted = "CUDA's nvcc" if source.suffix == ".cu" else "a C++ compiler (Debian: apt install g++)"
        raise BuildError(f"{command[0]} is not installed: install {wanted} for the fast renderer, then start again.")
    _say_so()
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        built = Path(folder) / library.name
        result = subprocess.run([*command, str(source), "-o", str(built)], capture_output=True, text=True)
        if result.returncode:
            raise BuildError(f"{command[0]} failed on {source.name}: update it.\n{result.stderr[-2000:]}")
        os.replace(built, library)
    return library


@cache
def _say_so() -> None:
    """Once, on standard error: whoever waits should know for what."""
    print("portrait-manifolds: compiling for this machine, once; it may take a minute", file=sys.stderr, flush=True)


def cache_folder() -> Path:
    """Where libraries are kept: $PORTRAIT_MANIFOLDS_CACHE, or the user's cache folder."""
    chosen = os.environ.get("PORTRAIT_MANIFOLDS_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "portrait-manifolds"


def _command(source: Path) -> list[str]:
    """The compiler and its flags for a source."""
    if source.suffix == ".cu":
        targets = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in CUDA_ARCHITECTURES]
        later = f"-gencode=arch=compute_{CUDA_ARCHITECTURES[-1]},code=compute_{CUDA_ARCHITECTURES[-1]}"
        return [*_program("NVCC", "nvcc"), *CUDA_FLAGS, *targets, later]
    return [*_program("CXX", "c++"), *CPU_FLAGS]


def _program(variable: str, usual: str) -> list[str]:
    """A path, or a program and its arguments as in `ccache g++`."""
    chosen = os.environ.get(variable, usual)
    return [chosen] if shutil.which(chosen) else shlex.split(chosen, posix=os.name == "posix")


def _key(source: Path, command: list[str]) -> str:
    """What a library depends on, as 16 hexadecimal digits."""
    digest = hashlib.sha256(" ".join(command).encode())
    for path in [source, *sorted(SOURCES.glob("*.h"))]:
        digest.update(path.read_bytes())
    digest.update(f"{platform.system()} {platform.machine()} {_processor_abilities()}".encode())
    return digest.hexdigest()[:16]


def _processor_abilities() -> str:
    """The instructions that `-march=native` may use."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")

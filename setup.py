"""Compiles the ops at installation where there is a C++ compiler; without one, and for a GPU, that is at first use."""

import os
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PURE = bool(os.environ.get("PORTRAIT_MANIFOLDS_PURE"))
"""Asked for a wheel for any machine: nothing compiled inside."""


class BuildWithOps(build_py):
    """Puts compiled ops beside the Python files, and this one not: the package's folder is the repository's."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        return [module for module in super().find_package_modules(package, package_dir) if module[1] != "setup"]

    def run(self) -> None:
        super().run()
        if self.editable_mode or PURE:
            return
        sys.path.insert(0, str(ROOT / "cuda_ops"))
        import build  # the package itself is not importable yet, and needs more than a compiler

        for name in ("render", "rasterise", "seen_texels", "paint_texels", "close_sheets"):
            folder = Path(self.build_lib) / "portrait_manifolds" / "cuda_ops" / "built"
            try:
                source, library = build.library_files(name)
                build.compile_library(source, folder / library)
            except build.BuildError as error:
                print(f"{name} is left for later: {error}")


class ForThisMachine(Distribution):
    """Tags the wheel with this machine's platform where it holds compiled ops."""

    def has_ext_modules(self) -> bool:
        return not PURE


setup(cmdclass={"build_py": BuildWithOps}, distclass=ForThisMachine)

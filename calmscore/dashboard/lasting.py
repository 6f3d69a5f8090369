"""What is loaded for good: before the first page, and left out of the search for garbage.

Streamlit searches all there is after every run of a page, and nobody else's page moves
meanwhile: with the libraries of this program that takes longer than most pages.
"""

from __future__ import annotations

import ast
import gc
import importlib
import sys
from pathlib import Path


def load_for_pages(folder: Path) -> None:
    """Load what the pages of a folder import, so that nobody waits for it who opens the first.

    Parameters
    ----------
    folder : Path
        Of the pages' files, which are read and not run.
    """
    for page in sorted(folder.glob("*.py")):
        for statement in ast.parse(page.read_bytes(), page.name).body:
            if isinstance(statement, ast.ImportFrom) and statement.module:
                names = [one.name for one in statement.names]
                __import__(statement.module, fromlist=names)
            elif isinstance(statement, ast.Import):
                for one in statement.names:
                    importlib.import_module(one.name)


class LoadedModules:
    """The modules that are loaded, as far as the search for garbage passes over them."""

    def __init__(self) -> None:
        self._passed_over = 0

    def pass_over(self) -> None:
        """Leave out what is there, where modules were loaded since the last time."""
        if len(sys.modules) != self._passed_over:
            self._passed_over = len(sys.modules)
            gc.collect()
            gc.freeze()


loaded_modules = LoadedModules()

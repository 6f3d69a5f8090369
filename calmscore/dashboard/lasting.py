"""What is loaded for good is left out of the search for garbage.

Streamlit searches all there is after every run of a page, and nobody else's page moves
meanwhile: with the libraries of this program that takes longer than most pages.
"""

from __future__ import annotations

import gc
import sys


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

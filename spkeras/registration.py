"""Registration of spkeras's layers with Keras, deferred until Keras is imported.

`keras.models.load_model` finds a layer only if its class has been registered. `import spkeras`
must not take the seconds that importing Keras takes. An import hook therefore selects a backend
before the first import of Keras, and registers the layers right after it.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from spkeras.errors import OptionError
from spkeras.ops.backends import select_backend

_REGISTERING = ("spkeras.snn.spike_loop", "spkeras.ttfs.spike_windows")


class _AfterKeras(MetaPathFinder, Loader):
    """Import hook that finds Keras as usual and, once loaded, imports the registering module."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return None
        self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        try:
            select_backend()
        except OptionError:
            sys.meta_path.insert(0, self)  # for the next attempt
            raise
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        # If a module that the registering module needs is importing Keras, its package is only half
        # loaded here; `spkeras.layers` then calls `complete` at its end.
        if not _under_way("spkeras.layers", "spkeras.ops", "spkeras.snn", "spkeras.ttfs"):
            _register()


def _register() -> None:
    for name in _REGISTERING:
        importlib.import_module(name)


def _under_way(*rooms: str) -> bool:
    """Return whether a module of these packages is being imported now."""
    return any(
        getattr(module.__spec__, "_initializing", False)
        for name, module in list(sys.modules.items())
        if name.startswith(rooms)
    )


def complete() -> None:
    """Register the layers if the import of Keras could not; called at the end of `layers`."""
    if not _under_way("spkeras.ops", "spkeras.snn", "spkeras.ttfs"):
        _register()


def when_keras_is_imported() -> None:
    """Register now if Keras is loaded, else right after its first import."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())

"""Register spkeras's layers with Keras as soon as Keras is there, without importing it.

`keras.models.load_model` finds a layer only if its class has been registered. `import spkeras`
must not cost the seconds that importing Keras takes, so the registration waits for whoever
imports Keras first.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_REGISTERING = "spkeras.snn.spike_loop"


class _AfterKeras(MetaPathFinder, Loader):
    """Finds Keras as usual, and imports the registering module once it is loaded."""

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
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        # Keras may be imported by a room that the registering module needs itself: then the
        # layers' room calls `complete` when it is done.
        if not _under_way("spkeras.layers", "spkeras.ops", "spkeras.snn"):
            importlib.import_module(_REGISTERING)


def _under_way(*rooms: str) -> bool:
    """Whether a module of these rooms is being imported right now."""
    return any(
        getattr(module.__spec__, "_initializing", False)
        for name, module in list(sys.modules.items())
        if name.startswith(rooms)
    )


def complete() -> None:
    """Register what Keras's own import could not, once the layers' room is there."""
    if not _under_way("spkeras.ops", "spkeras.snn"):
        importlib.import_module(_REGISTERING)


def when_keras_is_imported() -> None:
    """Register now if Keras is loaded, else right after somebody loads it."""
    if "keras" in sys.modules:
        importlib.import_module(_REGISTERING)
    else:
        sys.meta_path.insert(0, _AfterKeras())

"""Names of layers that the backend can run."""

import re

import keras

# TensorFlow takes names of layers as names of scopes.
_REFUSED = re.compile(r"[^A-Za-z0-9_.\\/>-]")


def make_runnable(model: keras.Model) -> tuple[str, ...]:
    """Rename the layers whose names TensorFlow refuses when they run; other backends take all.

    Args:
        model: The model; its layers are renamed in place.

    Returns:
        One sentence for the user, or none.
    """
    if keras.backend.backend() != "tensorflow":
        return ()
    layers = list(model._flatten_layers())
    taken = {layer.name for layer in layers}
    renamed = []
    for layer in layers:
        name = _REFUSED.sub("_", layer.name)
        if layer is model:
            name = re.sub(r"^[^A-Za-z0-9.]+", "", name) or "model"
        if name == layer.name:
            continue
        while name in taken:
            name += "_"
        taken.add(name)
        renamed.append(f"'{layer.name}' is '{name}'")
        layer.name = name
    if not renamed:
        return ()
    return (f"layers with names that TensorFlow cannot run are renamed: {', '.join(renamed)}.",)

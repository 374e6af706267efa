"""The package's surface: light to import, and every public name is there."""

import json
import pkgutil

import pytest

import spkeras
from spkeras import errors
from tests import networks
from tests.processes import ROOT, python

HEAVY = ("keras", "tensorflow", "jax", "torch", "h5py", "numpy", "rich", "click", "matplotlib")


def test_importing_loads_nothing_heavy():
    loaded = json.loads(python("import sys, json, spkeras; print(json.dumps(sorted(sys.modules)))"))
    assert "spkeras" in loaded
    assert not [name for name in HEAVY if name in loaded]


@pytest.mark.slow
def test_the_hook_leaves_the_import_of_keras_as_it_is():
    """Keras afterwards is Keras: its own loader, and the hook is gone."""
    said = python(
        "import sys, spkeras, keras\n"
        "print(type(keras.__spec__.loader).__name__, type(keras.__loader__).__name__,\n"
        "      any(type(f).__name__ == '_AfterKeras' for f in sys.meta_path),\n"
        "      'spkeras.snn.spike_loop' in sys.modules,\n"
        "      keras.saving.get_registered_object('spkeras>SpikeLoop') is spkeras.SpikeLoop)\n"
    )
    assert said.split() == ["SourceFileLoader", "SourceFileLoader", "False", "True", "True"]


@pytest.mark.parametrize("name", spkeras.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    value = getattr(spkeras, name)
    assert name in dir(spkeras)
    if callable(value):
        assert value.__doc__ and value.__doc__.strip()
        assert value.__module__.startswith("spkeras.")


def test_no_public_name_is_a_module_too():
    """Importing a submodule puts it into the package, over the function of the same name."""
    modules = {module.name for module in pkgutil.iter_modules(spkeras.__path__)}
    assert modules > {"snn", "passes", "graph"}
    assert not modules & set(spkeras.__all__)


def test_every_package_has_tests_of_its_name():
    packages = {module.name for module in pkgutil.iter_modules(spkeras.__path__) if module.ispkg}
    folders = {path.parent.name for path in ROOT.glob("tests/*/test_*.py")}
    assert "facade" in packages
    assert not packages - folders


def test_unknown_names_are_refused_as_usual():
    with pytest.raises(AttributeError, match="spkeras.*no_such_name"):
        spkeras.no_such_name  # noqa: B018


def test_inspect_gives_a_verdict_per_layer():
    verdicts = {v.name: v for v in spkeras.inspect(networks.chain())}
    assert set(verdicts) >= {"conv1", "relu1", "pool", "conv2", "flatten", "dense"}
    assert {v.verdict for v in verdicts.values()} == {"supported"}
    assert verdicts["conv1"].parameters == 3 * 3 * 2 * 4 + 4
    assert verdicts["conv1"].macs == (6 * 6 * 9 - 4 * 6 * 3 + 4) * 2 * 4
    assert verdicts["dense"].macs == 12 * 5


def test_all_errors_are_one_family_of_value_errors():
    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    family = [kind for kind in kinds if kind.__module__ == errors.__name__]
    assert len(family) >= 6
    assert all(issubclass(e, errors.SpkerasError) and issubclass(e, ValueError) for e in family)
    message = str(errors.UnsupportedLayerError(["first: reason", "second: reason"]))
    assert message.splitlines() == [
        "2 layers cannot be converted:",
        "  - first: reason",
        "  - second: reason",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [
        "from spkeras.layers import IntegrateFire",
        "from spkeras.snn.spike_loop import SpikeLoop",
        "from spkeras.facade import convert",
        "from spkeras.models import cnn_to_snn",
        "from spkeras.keras_files import read_model",
        "from spkeras.ops import neuron; import spkeras.layers",
        "import keras, spkeras",
        "import spkeras, keras",
    ],
)
def test_the_spike_loop_is_registered_whatever_comes_first(first):
    found = "import keras; print(keras.saving.get_registered_object('spkeras>SpikeLoop').__name__)"
    assert python(f"{first}\n{found}").strip() == "SpikeLoop"

"""What all tests share: settings and data. Small exact networks are in `tests.networks`."""

import os
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

ROOT = Path(__file__).resolve().parents[1]

# They import PyTorch, which is optional; tests run them in processes of their own.
collect_ignore = [
    "race_torch.py",
    *(f"benchmarks/{name}.py" for name in ("peers", "torch_modules", "torch_network")),
]

settings.register_profile(
    "spkeras",
    derandomize=True,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("spkeras")


@pytest.fixture(scope="session")
def data_root():
    """The folder of data sets; tests that need it are skipped, visibly, where it is not."""
    folder = Path(os.environ.get("SPKERAS_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}; set SPKERAS_DATA (tests/README.md)")
    return folder


@pytest.fixture()
def registries():
    """Whatever a test registers is forgotten after it."""
    from spkeras.frontend import handlers
    from spkeras.graph.operations import OPERATIONS
    from spkeras.keras_files import trust
    from spkeras.ops.names import NEURON_MODELS
    from spkeras.recipes import RECIPES

    held = (
        *(handlers._REGISTERED, OPERATIONS, trust._TRUSTED, trust._PLUGINS),
        *(NEURON_MODELS, RECIPES),
    )
    before = [registry.copy() for registry in held]
    yield
    for registry, former in zip(held, before, strict=True):
        registry.clear()
        registry.update(former)


@pytest.fixture(autouse=True)
def _our_warnings_are_errors():
    """A warning raised in the library's own code fails the test that caused it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"spkeras(\.|$)")
        warnings.filterwarnings("error", category=RuntimeWarning)
        yield

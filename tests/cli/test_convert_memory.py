"""Memory of a conversion: the weights of the CNN and those of the network, once each."""

import json

import pytest

from tests.processes import python

# Libraries that load on the way, and histograms of calibration: they do not grow with the weights.
_OTHERS = 250  # MiB


@pytest.mark.slow
def test_weights_are_not_copied_again_and_again():
    code = "import json; from tests.load.cases import weights; print(json.dumps(weights(4000**2)))"
    found = json.loads(python(code).splitlines()[-1])
    assert found["stored"] == 61  # MiB
    assert found["used"] < 3 * found["stored"] + _OTHERS, found

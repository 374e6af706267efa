"""A fixed part of the long run: whatever a file holds, reading it ends in success or one error."""

import json
import os
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from spkeras.errors import ModelFileError, SpkerasError
from spkeras.keras_files.graph import parse_model
from spkeras.keras_files.schema import one_error
from tests.fuzz import mutate

CASES = 160
CONFIG = {
    "class_name": "Functional",
    "config": {
        "name": "net",
        "layers": [
            {
                "class_name": kind,
                "name": name,
                "config": {"name": name, "units": 3},
                "inbound_nodes": calls,
            }
            for kind, name, calls in (
                ("InputLayer", "in", []),
                ("Dense", "a", [[["in", 0, 0, {}]]]),
                ("Dense", "b", [[["a", 0, 0, {}]]]),
            )
        ],
        "input_layers": [["in", 0, 0]],
        "output_layers": [["b", 0, 0]],
    },
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@pytest.mark.slow
def test_a_fixed_set_of_cases():
    """In another process: damaged HDF5 may end one."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--cases", str(CASES)],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{CASES} cases" in done.stdout


def parsed(config):
    """The tree of a configuration, or None where it is refused with one error of the file."""
    try:
        with one_error("net.h5"):
            return parse_model(config)
    except ModelFileError as error:
        assert str(error).startswith("net.h5: ") and len(str(error)) < 2000
        return None


@limits(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_mutated_configurations(random):
    parsed(mutate.in_tree(random, CONFIG))


@given(VALUES)
def test_any_json_as_a_configuration(value):
    parsed(value)
    parsed({"class_name": "Functional", "config": value})
    parsed({**CONFIG, "config": {**CONFIG["config"], "layers": value}})


@given(st.text(), st.integers(0, 3))
def test_any_text_in_a_message(text, line_ends):
    message = str(SpkerasError(text * 50 + "\n" * line_ends))
    assert message.replace("\n", "").isprintable() and len(message) < 21_000


def test_the_right_configuration_is_read():
    assert [node.name for node in parsed(CONFIG).walk()] == ["net", "in", "a", "b"]


def test_cases_repeat():
    """A case is its kind and number: the same bytes on every run."""
    content = json.dumps(CONFIG).encode()
    assert [mutate.in_bytes(Random("x 1"), content) for _ in range(2)].count(
        mutate.in_bytes(Random("x 1"), content)
    ) == 2
    assert mutate.in_tree(Random(5), CONFIG) == mutate.in_tree(Random(5), CONFIG)

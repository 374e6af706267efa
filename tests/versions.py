"""Tests of what only newer versions of Keras have."""

import keras
import pytest

KERAS = tuple(map(int, keras.__version__.split(".")[:2]))


def has_keras(version):
    """Return whether Keras is at least "MAJOR.MINOR"."""
    return tuple(map(int, version.split("."))) <= KERAS


def needs_keras(version):
    """Return the mark that skips a test with an older Keras."""
    return pytest.mark.skipif(not has_keras(version), reason=f"needs Keras {version}")


def with_versions(cases, newer):
    """Return cases for `parametrize`; `newer` has the version of Keras that some of them need."""
    return [
        pytest.param(case, marks=needs_keras(newer[case])) if case in newer else case
        for case in cases
    ]

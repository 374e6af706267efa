"""Silence what Keras and TensorFlow say on their own, before they are imported."""

import logging
import os
import warnings


def quieten() -> None:
    """Leave stderr to our own messages; a level set in the environment wins."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    logging.getLogger("absl").setLevel(logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if "PYTHONWARNINGS" not in os.environ:
        warnings.filterwarnings("ignore", module="keras|tensorflow")

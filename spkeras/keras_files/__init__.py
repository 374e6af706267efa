"""Saved models of any Keras version, read as models of Keras 3."""

from spkeras.keras_files.read import LoadedModel, load_model, read_model

__all__ = ["LoadedModel", "load_model", "read_model"]

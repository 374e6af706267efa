"""Saved models of any Keras version, read as models of Keras 3."""

from spkeras.keras_files.read import LoadedModel, Reading, read_model, read_partly

__all__ = ["LoadedModel", "Reading", "read_model", "read_partly"]

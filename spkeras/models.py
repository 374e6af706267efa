"""The name under which scripts written for the original SpKeras import `spkeras.original`."""

from spkeras.original import cnn_to_snn

__all__ = ["cnn_to_snn"]

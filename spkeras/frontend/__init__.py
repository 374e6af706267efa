"""Readers that turn a file or an object into a Keras model or a graph."""

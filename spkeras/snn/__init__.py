"""From a graph of neurons to Keras models."""

"""Pure functions on tensors: neurons, encodings, activations."""

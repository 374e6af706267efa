"""Pure functions on tensors: neurons, codings, activations."""

"""Networks in which each neuron fires at most once, and when it fires is the value."""

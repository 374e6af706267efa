"""Time-to-first-spike networks: each neuron fires at most once, and its time is the value."""

"""Event-driven simulation: what happens at each spike, and nothing where there is none."""

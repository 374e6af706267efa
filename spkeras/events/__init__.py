"""Event-driven simulation: computation for each spike, none without spikes."""

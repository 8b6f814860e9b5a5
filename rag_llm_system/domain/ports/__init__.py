"""Ports: what the application asks of the outside world, as small protocols."""

"""The driver's side of the collectives benchmark: starts the ranks of every system, tells them what to measure in turn."""

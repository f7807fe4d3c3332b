"""Measure the bridge against what the design promises."""

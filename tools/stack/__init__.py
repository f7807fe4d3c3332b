"""Run the whole native stack on loopback, for the demo and the tests; never used in production."""

"""Hold what sets up, starts and shows the project on a developer machine; never shipped."""

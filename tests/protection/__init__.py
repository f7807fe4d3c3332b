"""Who gets which answer at every route, as a table."""

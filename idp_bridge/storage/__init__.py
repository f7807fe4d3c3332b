"""Keep rows in SQL; never decides anything about a link."""

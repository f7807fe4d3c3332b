"""Show what Focus shows: the same small program as OneView, for links that open school choice."""

"""Hold the use cases, one function and one transaction each; never imports storage or outside."""

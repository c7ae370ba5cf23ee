"""The systems: a folder each, and the registry that knows their names."""

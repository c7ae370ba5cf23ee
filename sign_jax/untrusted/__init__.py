"""Readers of files from strangers, which can be wrong or hostile."""

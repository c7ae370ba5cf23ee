"""A small sign encoder on top of another one's features."""

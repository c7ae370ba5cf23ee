"""Builder of How2Sign."""

"""Builder of CSL-Daily."""

"""Builder of WLASL."""

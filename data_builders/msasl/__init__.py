"""Builder of MS-ASL."""

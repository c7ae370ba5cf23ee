"""Builder of RWTH-PHOENIX-Weather 2014."""

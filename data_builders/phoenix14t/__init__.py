"""Builder of RWTH-PHOENIX-Weather 2014 T."""

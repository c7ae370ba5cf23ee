"""Builder of NMFs-CSL."""

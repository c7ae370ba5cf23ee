"""Tables of papers: rows, the runs and the checkpoints that fill them, and how they are printed."""

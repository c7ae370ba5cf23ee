"""What an index is worth on a data set: the evaluation's metrics, and places against true ones."""

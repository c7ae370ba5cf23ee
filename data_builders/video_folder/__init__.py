"""Builder of a data set from a user's own videos."""

"""An index in Qdrant: candidates from a vector database, which are scored exactly here."""

"""How records are written: their schema, their files, what was left out."""

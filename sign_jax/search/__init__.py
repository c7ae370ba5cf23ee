"""Search over an archive of signing: exact scores, rankings that are proved, places in a video."""

"""What a search has found, written for annotators: subtitles, documents of ELAN, JSON."""

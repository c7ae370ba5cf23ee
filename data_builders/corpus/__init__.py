"""What the builders of corpora share: annotations, clips, contents."""

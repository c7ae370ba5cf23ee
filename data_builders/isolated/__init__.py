"""What the builders of isolated signs share: clips, vocabularies, videos, keypoints."""

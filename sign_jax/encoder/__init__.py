"""From videos to sign features: clips, windows of frames, the encoder, labelled segments."""

"""The sign encoder: an I3D that classifies isolated signs."""

"""What a run is: its settings, its folder, and the model that it has trained."""

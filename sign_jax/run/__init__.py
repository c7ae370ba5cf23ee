"""What a run is: the settings that it was started with."""

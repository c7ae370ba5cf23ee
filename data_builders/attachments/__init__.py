"""Files that belong to the clips of a corpus: sign features and poses, in every released form."""

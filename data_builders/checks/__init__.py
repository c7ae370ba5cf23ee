"""What `data_builders.check` looks at: the annotations, and the files that belong to the clips."""

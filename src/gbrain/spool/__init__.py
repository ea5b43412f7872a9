"""A run's plan, kept on disk: memory does not grow with the number of paths that differ."""

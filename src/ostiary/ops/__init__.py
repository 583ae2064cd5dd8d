"""The outermost layer: configuration, composition, command line, jobs."""

"""Whether everybody is told that a session has ended."""

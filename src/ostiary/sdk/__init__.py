"""For applications. Stands alone: it imports nothing of the server."""

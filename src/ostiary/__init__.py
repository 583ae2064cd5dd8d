"""Ostiary: a session server. An ended session is dead everywhere at once."""

"""Journeys over HTTP, contracts that every store passes, properties of the domain."""

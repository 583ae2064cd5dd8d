"""Journeys through the services, on a real store."""

"""Tests of configuration, command line and running."""

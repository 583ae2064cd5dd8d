"""Tests of Ostiary's own JSON interface."""

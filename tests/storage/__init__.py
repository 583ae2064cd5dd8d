"""Tests of the storage: one contract, which both databases keep."""

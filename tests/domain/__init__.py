"""Tests of the domain: plain values, and properties that hold for all of them."""

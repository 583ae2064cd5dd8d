"""Benchmarks: each figure beside its reference, measured in the same run (docs/benchmarks.md).

Rates and latencies on shared machines are noise; the CPU time that a request costs is less so.
That is why it comes first, and why everything is a ratio to something that is measured as well.
"""

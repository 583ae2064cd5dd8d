"""The outside things that are neither SQL nor HTTP fronts: chance, keys, passwords, visitors.

A gateway knows `ostiary.domain` and its own library, and nothing else of the house.
"""

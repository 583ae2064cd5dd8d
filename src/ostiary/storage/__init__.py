"""The only SQL. Functions take a `Transaction` first and answer with values of the domain."""

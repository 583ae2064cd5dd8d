"""The verbs: the table of contents of the product.

Most take an open `Transaction` and an `Act` (who, when, from where) and run under
``house.database.read`` or ``.write``; those that hash passwords or work in batches take the
`House` and open their own transactions.
"""

"""Driver for the reader of Abbott's FreeStyle Libre on its USB cable; it only ever reads.

Protocol: docs/protocols/freestyle.md.
"""

"""Blood pressure monitors."""

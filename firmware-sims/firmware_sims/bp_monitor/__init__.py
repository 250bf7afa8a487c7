"""Virtual blood pressure monitors."""

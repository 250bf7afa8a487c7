"""How things are said to people, in French and in English; pure, and known to every layer."""

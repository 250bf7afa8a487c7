"""Consent: what a person allowed, and the one gate that every reading passes on its way out."""

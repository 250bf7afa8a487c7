"""Encoders written from the specifications, one file per service; nothing here decodes."""

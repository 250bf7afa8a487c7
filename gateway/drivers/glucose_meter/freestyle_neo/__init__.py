"""Driver for Abbott's FreeStyle Precision Neo and Optium Neo meters on a USB cable; it only reads.

Protocol: docs/protocols/freestyle.md.
"""

from tests.collect.stage import stage

__all__ = ["stage"]

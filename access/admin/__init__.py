from access.admin import audit, people

__all__ = ["audit", "people"]

from access.admin import audit, people, sessions

__all__ = ["audit", "people", "sessions"]

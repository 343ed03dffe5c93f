from access.admin import audit, people, sign_in

__all__ = ["audit", "people", "sign_in"]

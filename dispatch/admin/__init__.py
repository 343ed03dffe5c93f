from dispatch.admin import deliveries, publications

__all__ = ["deliveries", "publications"]

from dispatch.admin import deliveries, publications, sendings

__all__ = ["deliveries", "publications", "sendings"]

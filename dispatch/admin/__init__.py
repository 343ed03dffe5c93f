from dispatch.admin import deliveries, events, lanes, publications, sendings

__all__ = ["deliveries", "events", "lanes", "publications", "sendings"]

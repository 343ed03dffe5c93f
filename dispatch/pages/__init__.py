"""What pages read: rows and words put together in a constant number of queries. Nothing here writes."""

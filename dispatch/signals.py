"""News of deliveries for the floors above."""

from django.dispatch import Signal

# Sender: Delivery. `deliveries`: a list of dispatch.news.Ended, those that came to an end, sent once for all of them
# and inside the transaction of their results. A hearer writes its own rows only, in bulk.
deliveries_finished = Signal()

"""Addresses of the pages that show deliveries."""

from django.urls import path

from dispatch.models import Cause
from dispatch.views import batches, deliveries, webhooks

app_name = "dispatch"

_webhook = "settings/integration/webhooks/<uuid:uuid>/"
_product = f"{_webhook}products/<uuid:product_uuid>/"
_batch = f"{_webhook}batches/<uuid:batch_uuid>/"
_delivery = "deliveries/<uuid:uuid>/"

urlpatterns = [
    path(_webhook, webhooks.webhook_detail, name="webhook-detail"),
    path(f"{_webhook}live/", webhooks.webhook_live, name="webhook-live"),
    path(f"{_webhook}held/", webhooks.held_release, name="held-release"),
    path(f"{_product}row/", webhooks.product_row, name="product-row"),
    path(f"{_product}send/", webhooks.product_send, name="product-send"),
    path(f"{_webhook}send-all/", batches.batch_create, {"kind": Cause.ENVIAR_TUDO}, name="batch-send-all"),
    path(f"{_webhook}resend-pending/", batches.batch_create, {"kind": Cause.REENVIAR}, name="batch-resend-pending"),
    path(_batch, batches.batch_detail, name="batch-detail"),
    path(f"{_batch}live/", batches.batch_live, name="batch-live"),
    path(f"{_batch}stop/", batches.batch_stop, name="batch-stop"),
    path("deliveries/", deliveries.delivery_list, name="delivery-list"),
    path(_delivery, deliveries.delivery_detail, name="delivery-detail"),
    path(f"{_delivery}live/", deliveries.delivery_live, name="delivery-live"),
    path(f"{_delivery}send/", deliveries.delivery_send, name="delivery-send"),
    path(f"{_delivery}stop/", deliveries.delivery_stop, name="delivery-stop"),
]

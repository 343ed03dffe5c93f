"""The tables that a product with webhooks usually has: webhook, event, delivery, attempt."""

import uuid

from django.db import models

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
STATUSES = [(PENDING, PENDING), (DELIVERED, DELIVERED), (FAILED, FAILED)]


class Webhook(models.Model):
    """Somebody's address and the secret that requests to it are signed with."""

    url = models.URLField()
    secret = models.CharField(max_length=100)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)


class Event(models.Model):
    """Something that happened."""

    type = models.CharField(max_length=100)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)


class Delivery(models.Model):
    """One event for one webhook."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE)
    event = models.ForeignKey(Event, on_delete=models.CASCADE)
    status = models.CharField(max_length=20, choices=STATUSES, default=PENDING, db_index=True)
    attempt_count = models.PositiveIntegerField(default=0)
    last_status_code = models.PositiveIntegerField(null=True)
    delivered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)


class Attempt(models.Model):
    """One request and what came back."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    request_headers = models.JSONField(default=dict)
    request_body = models.TextField(default="")
    status_code = models.PositiveIntegerField(null=True)
    response_headers = models.JSONField(default=dict)
    response_body = models.TextField(default="")
    error = models.TextField(default="")
    duration_ms = models.PositiveIntegerField(null=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)


class Announcement(models.Model):
    """What django-webhook watches: its hearers are told of each new row."""

    product = models.CharField(max_length=100)
    process = models.CharField(max_length=100)
    period = models.CharField(max_length=30)
    url = models.CharField(max_length=200)
    published_at = models.DateTimeField(auto_now_add=True)

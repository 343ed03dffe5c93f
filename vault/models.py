from django.db import models


class KeySentinel(models.Model):
    """Proof that this database belongs to a data key: one row per key that has been current here.

    Planted when the key is first current, compared by readiness, removed by `rotate_secrets --drop`. A key that
    was taken away too early, or replaced under the same id, shows here before a secret is missed.
    """

    key_id = models.CharField(max_length=32, unique=True)
    fingerprint = models.CharField(max_length=128)
    planted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(key_id="") & ~models.Q(fingerprint=""), name="vault_sentinel_full"
            )
        ]

    def __str__(self) -> str:
        return self.key_id

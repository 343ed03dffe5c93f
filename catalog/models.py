"""What is published: products in their processes, the versions of each, and who fetched them (ONS-20)."""

from uuid import uuid4

from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.audience import Audience
from catalog.periods import Period, Periodicity, Weekday
from catalog.querysets import ProductQuerySet, PublicationQuerySet

__all__ = ["Audience", "Download", "MacroProcess", "Process", "Product", "ProductGrant", "Publication"]

code_validator = RegexValidator(
    r"\A[A-Za-z0-9][A-Za-z0-9._-]*\Z",
    _("Use letters, digits, dots, hyphens and underscores; begin with a letter or digit."),
)


class MacroProcess(models.Model):
    """The widest heading of the catalogue, such as the programming of the operation. Its code gives the order."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    code = models.CharField(_("Code"), max_length=40, unique=True, validators=[code_validator])
    name = models.CharField(_("Name"), max_length=120)

    class Meta:
        verbose_name = _("macro-process")
        verbose_name_plural = _("macro-processes")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Process(models.Model):
    """A part of a macro-process that brings forth products."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    macro_process = models.ForeignKey(
        MacroProcess, models.PROTECT, related_name="processes", verbose_name=_("macro-process")
    )
    code = models.CharField(_("Code"), max_length=40, unique=True, validators=[code_validator])
    name = models.CharField(_("Name"), max_length=120)

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """Something that is published again and again: a file per period, in versions.

    An inactive product is seen by no participant and can't be published; what was published of it stays.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    process = models.ForeignKey(Process, models.PROTECT, related_name="products", verbose_name=_("process"))
    code = models.CharField(
        _("Code"),
        max_length=60,
        unique=True,
        validators=[code_validator],
        help_text=_("Names the product in commands and in systems that publish."),
    )
    name = models.CharField(_("Name"), max_length=160)
    periodicity = models.CharField(_("Periodicity"), max_length=10, choices=Periodicity)
    week_starts_on = models.PositiveSmallIntegerField(
        _("Week starts on"),
        choices=Weekday,
        default=Weekday.SATURDAY,
        validators=[MaxValueValidator(6)],
        help_text=_("Counts for weekly products only."),
    )
    audience = models.CharField(_("Audience"), max_length=10, choices=Audience, default=Audience.ALL)
    participants = models.ManyToManyField(
        "access.Participant", through="ProductGrant", related_name="+", verbose_name=_("participants")
    )
    active = models.BooleanField(
        _("Active"),
        default=True,
        help_text=_("An inactive product is shown to no participant and can't be published."),
    )
    created_at = models.DateTimeField(_("Created"), default=timezone.now, editable=False)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(name="product_periodicity_known", condition=Q(periodicity__in=Periodicity.values)),
            models.CheckConstraint(name="product_week_start_is_a_weekday", condition=Q(week_starts_on__lte=6)),
            models.CheckConstraint(name="product_audience_known", condition=Q(audience__in=Audience.values)),
        ]

    def __str__(self) -> str:
        return self.name


class ProductGrant(models.Model):
    """A participant that belongs to the audience of a product whose audience is `granted`."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="grants", verbose_name=_("product"))
    participant = models.ForeignKey(
        "access.Participant", models.PROTECT, related_name="product_grants", verbose_name=_("participant")
    )
    created_at = models.DateTimeField(_("Created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("product grant")
        verbose_name_plural = _("product grants")
        constraints = [
            # Its index answers "is this product granted to this participant" for pages, forms and the fan-out.
            models.UniqueConstraint(name="product_granted_once", fields=["product", "participant"]),
        ]

    def __str__(self) -> str:
        return f"{self.product} · {self.participant}"


class Publication(models.Model):
    """One version of a product for one period: a file that never changes.

    Made with its file. It is out (`published_at`) at once, or when its embargo (`publish_at`) ends; it may be
    withdrawn, and then nobody can fetch it. It is never edited or deleted.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="publications", verbose_name=_("product"))
    period = models.CharField(_("Period"), max_length=21)
    period_start = models.DateField(_("First day"))
    period_end = models.DateField(_("Last day"))
    version = models.PositiveIntegerField(_("Version"))
    # Random, so that the stored name tells nothing and two uploads never meet.
    file = models.FileField(_("File"), max_length=200, unique=True)
    file_name = models.CharField(_("File name"), max_length=160)
    content_type = models.CharField(_("Content type"), max_length=100)
    size_bytes = models.PositiveBigIntegerField(_("Size in bytes"))
    sha256 = models.CharField("SHA-256", max_length=64)
    publish_at = models.DateTimeField(_("To be published at"), null=True, blank=True)
    published_at = models.DateTimeField(_("Published at"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("Withdrawn at"), null=True, blank=True)
    withdrawn_reason = models.CharField(_("Reason for the withdrawal"), max_length=500, blank=True)
    withdrawn_by = models.CharField(_("Withdrawn by"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("Created"), default=timezone.now)
    created_by = models.CharField(_("Created by"), max_length=200)

    objects = PublicationQuerySet.as_manager()

    class Meta:
        verbose_name = _("publication")
        verbose_name_plural = _("publications")
        ordering = ["-created_at", "-pk"]
        # Of their own: who may look at publications may not therefore tell every participant of one. Nobody may edit.
        default_permissions = ("view",)
        permissions = [
            ("publish_publication", _("Can publish a file")),
            ("withdraw_publication", _("Can withdraw a publication")),
        ]
        constraints = [
            # Closes the race of two publishers of one period: the second insert fails and counts on from the first.
            models.UniqueConstraint(name="publication_version_once", fields=["product", "period", "version"]),
            models.CheckConstraint(name="publication_version_from_one", condition=Q(version__gte=1)),
            models.CheckConstraint(name="publication_period_in_order", condition=Q(period_end__gte=F("period_start"))),
            models.CheckConstraint(name="publication_file_not_empty", condition=Q(size_bytes__gte=1)),
            models.CheckConstraint(
                name="publication_sha256_whole", condition=models.lookups.Exact(Length("sha256"), 64)
            ),
            models.CheckConstraint(
                name="publication_out_or_to_come", condition=Q(published_at__isnull=False) | Q(publish_at__isnull=False)
            ),
            models.CheckConstraint(
                name="publication_withdrawal_complete",
                condition=(Q(withdrawn_at__isnull=True) & Q(withdrawn_reason="") & Q(withdrawn_by=""))
                | (Q(withdrawn_at__isnull=False) & ~Q(withdrawn_reason="") & ~Q(withdrawn_by="")),
            ),
        ]
        indexes = [
            # The last version of a product (latest_of, latest_of_each, with_latest_publication) and its history page.
            models.Index(
                "product",
                F("published_at").desc(),
                F("id").desc(),
                name="publication_newest",
                condition=Q(published_at__isnull=False, withdrawn_at__isnull=True),
            ),
            # due(now), read every second by the dispatcher: holds embargoed rows only.
            models.Index(
                fields=["publish_at"],
                name="publication_due",
                condition=Q(published_at__isnull=True, withdrawn_at__isnull=True),
            ),
            # "Published today" on the participants' page, last publications on the home page, the admin's date filter.
            models.Index(fields=["-published_at"], name="publication_by_time"),
            # The admin's list, newest first.
            models.Index(fields=["-created_at", "-id"], name="publication_by_creation"),
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.period} v{self.version}"

    @property
    def period_value(self) -> Period:
        return Period(self.period_start, self.period_end, self.period)

    @property
    def reference_text(self) -> str:
        """The period as people write it: `20/02/2025`, `07/2025`, `25/10/2025 - 31/10/2025`."""
        return self.period_value.reference_text()

    @property
    def embargoed(self) -> bool:
        return self.published_at is None and self.withdrawn_at is None

    @property
    def withdrawn(self) -> bool:
        return self.withdrawn_at is not None


class Download(models.Model):
    """How often the link of one delivery was used: a row per link, so that a page can say which webhook fetched.

    `delivery_uuid` comes from the signed link; deliveries live on a floor above and are purged earlier than this.
    """

    publication = models.ForeignKey(
        Publication, models.PROTECT, related_name="downloads", verbose_name=_("publication")
    )
    delivery_uuid = models.UUIDField(_("delivery"))
    count = models.PositiveIntegerField(_("Downloads"), default=1)
    first_at = models.DateTimeField(_("First download"), default=timezone.now)
    last_at = models.DateTimeField(_("Last download"), default=timezone.now)

    class Meta:
        verbose_name = _("download")
        verbose_name_plural = _("downloads")
        constraints = [
            # Two parallel downloads by one link: one inserts, the other is refused and adds to it. The same index
            # sums a publication's downloads.
            models.UniqueConstraint(name="download_row_once_a_link", fields=["publication", "delivery_uuid"]),
            models.CheckConstraint(name="download_counted", condition=Q(count__gte=1)),
        ]
        indexes = [
            # The delivery page: was the link of this delivery used?
            models.Index(fields=["delivery_uuid"], name="download_of_delivery"),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_uuid}: {self.count}"

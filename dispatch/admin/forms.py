from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.actors import Actor
from access.errors import ActionError
from catalog import actions as catalog
from catalog.errors import FileRefused, PeriodRefused
from catalog.models import Product
from catalog.periods import parse_period
from catalog.stored_files import ReceivedFile
from dispatch.publishing import read_reference, sign_reference

_LONGEST_REASON = 500


class ProductChoices(forms.models.ModelChoiceIterator):
    """Products under their process, in the order of the catalogue."""

    def __iter__(self) -> Any:
        yield "", self.field.empty_label
        group: str | None = None
        products: list[tuple[Any, str]] = []
        for product in self.queryset:
            heading = f"{product.process.macro_process} · {product.process}"
            if heading != group and products:
                yield group, products
                products = []
            group = heading
            products.append((product.pk, self.field.label_from_instance(product)))
        if products:
            yield group, products


class ProductField(forms.ModelChoiceField):
    iterator = ProductChoices

    def label_from_instance(self, product: Any) -> str:
        return f"{product.name} ({product.get_periodicity_display()})"


class PublishForm(forms.Form):
    """Product, period, file and time of a publication.

    The file is taken in as soon as it arrives, even when another field is wrong: the page then carries a signed
    reference to it, and nobody has to choose it twice.
    """

    product = ProductField(
        label=gettext_lazy("Product"),
        queryset=Product.objects.active().in_page_order(),
        empty_label=gettext_lazy("Choose a product"),
    )
    period = forms.CharField(
        label=gettext_lazy("Period"),
        max_length=21,
        help_text=gettext_lazy(
            "Monthly: 2020-08. Daily: 2020-08-15. Weekly: the first day of the week, 2020-08-15. "
            "Without periodicity: a day, or two as 2020-08-01/2020-08-07."
        ),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    file = forms.FileField(label=gettext_lazy("File"), required=False, allow_empty_file=True)
    publish_at = forms.DateTimeField(
        label=gettext_lazy("Publish at"),
        required=False,
        help_text=gettext_lazy("Leave it empty to publish at once. Time of Brasília."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    received = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        self.received_file: ReceivedFile | None = None

    def clean_publish_at(self) -> datetime | None:
        moment = self.cleaned_data["publish_at"]
        if moment and moment <= timezone.now():
            raise forms.ValidationError(_("This time has passed. Leave it empty to publish at once."), code="past")
        return moment

    def clean(self) -> dict[str, Any]:
        self._take_file_in()
        product, period = self.cleaned_data.get("product"), self.cleaned_data.get("period")
        if product and period:
            try:
                parse_period(period, product.periodicity, product.week_starts_on)
            except PeriodRefused as refused:
                self.add_error("period", str(refused.message))
        return self.cleaned_data

    def _take_file_in(self) -> None:
        upload, reference = self.cleaned_data.get("file"), self.cleaned_data.get("received")
        try:
            if upload is None and reference:
                self.received_file = read_reference(reference, by=self.by)
            else:
                self.received_file = catalog.receive_file(upload)
        except FileRefused as refused:
            self.add_error("file", str(refused.message))

    @property
    def reference(self) -> str:
        """The signed way back to the file, for the page that follows; empty when there is none."""
        return sign_reference(self.received_file, by=self.by) if self.received_file else ""

    def refuse(self, refused: ActionError) -> None:
        """Show a refusal beside the field that it is about. A file that was refused is not offered again."""
        if isinstance(refused, FileRefused):
            self.received_file = None
        self.add_error("file" if isinstance(refused, FileRefused) else "period", str(refused.message))


class WithdrawForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=_LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
    )

"""The model field for secrets: plain text on attribute access, a sealed object everywhere else.

`obj.secret` opens the value and `obj.secret = "..."` seals it. Django itself only ever sees the field's attname
`secret_sealed` (the way a foreign key keeps its number in `..._id`), so queries, copies, pickles, `refresh_from_db`,
`full_clean` and bulk operations carry `vault.sealed.Sealed` objects.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, cast
from uuid import UUID

from django.core import checks
from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Case, Col, Value
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, In, IsNull, Lookup
from django.views.decorators.debug import sensitive_variables

from vault.errors import UnreadableSecret
from vault.keys import current_key_id
from vault.sealed import Place, Sealed

if TYPE_CHECKING:
    # Generic for the type checker only: at run time Django's classes take no parameters.
    SecretField = models.Field[str | Sealed, str]
    AnyLookup = Lookup[Any]
else:
    SecretField = models.Field
    AnyLookup = Lookup

ATTNAME_SUFFIX = "_sealed"


def is_set(obj: models.Model, field_name: str) -> bool:
    """Whether the sealed field of `obj` holds a secret; it is not opened for that."""
    return bool(getattr(obj, field_name + ATTNAME_SUFFIX))


class SealedField(SecretField):
    """A secret of a row that has a `uuid`. `label` is a constant of this model: it outlives renames of model and table.

    An empty text means "not set" and is stored as such. `update()` and filters take Sealed objects (see `seal`), never
    plain text; `values()` gives them. Renaming the field or the label makes what is stored unreadable.
    """

    description = "Sealed secret"
    empty_strings_allowed = True

    def __init__(self, label: str, **kwargs: Any) -> None:
        self.label = label
        # Never in a ModelForm: its initial values would be shown to whoever opens the page.
        kwargs.update(editable=False, blank=True, default="")
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for forced in ("editable", "blank", "default"):
            kwargs.pop(forced, None)
        return name, path, args, {"label": self.label, **kwargs}

    def get_internal_type(self) -> str:
        return "TextField"

    def get_attname(self) -> str:
        return f"{self.name}{ATTNAME_SUFFIX}"

    def get_attname_column(self) -> tuple[str, str]:
        return self.get_attname(), self.db_column or self.name

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, SealedSlot(self))
        setattr(cls, self.name, SealedAttribute(self))

    @property
    def place(self) -> Place:
        return Place(self.label, self.name)

    @sensitive_variables()
    def seal(self, plain: str, uuid: UUID | str) -> Sealed:
        """Return `plain` sealed for the row `uuid`, for `update()`."""
        return Sealed.seal(plain, self.place, uuid)

    def get_default(self) -> Sealed:
        return Sealed("", self.place)

    # --- what goes to the database and comes from it

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Sealed | None:
        return None if value is None else Sealed(value, self.place)

    @sensitive_variables()
    def get_prep_value(self, value: object) -> str | None:
        if isinstance(value, Sealed):
            if value.place != self.place:
                raise TypeError(f"{self.name} was given a value sealed for another field")
            return value.ciphertext
        if value is None:
            return None
        if value == "":
            return ""
        raise TypeError(f"{self.name} takes sealed values in queries, never plain text")

    def get_placeholder(self, value: object, compiler: object, connection: BaseDatabaseWrapper) -> str:
        """Refuse expressions such as Value("plain") in update(): they don't pass through get_prep_value."""
        if hasattr(value, "as_sql") and not self._is_sealed_expression(value):
            raise TypeError(f"{self.name} takes sealed values only")
        return "%s"

    def _is_sealed_expression(self, value: Any) -> bool:
        """Whether an expression can only yield this field's own ciphertexts; bulk_update() makes such ones."""
        if isinstance(value, Case):
            results = [case.result for case in value.cases]
            return all(map(self._is_sealed_expression, results)) and _is_null(value.default)
        if isinstance(value, Cast):
            return self._is_sealed_expression(value.source_expressions[0])
        field = value.output_field if isinstance(value, Col | Value) else None
        return isinstance(field, SealedField) and field.place == self.place

    def get_lookup(self, lookup_name: str) -> type[AnyLookup] | None:
        return LOOKUPS.get(lookup_name)

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed:
        given: Sealed = super().pre_save(model_instance, add)
        sealed = self._sealed_for(_row_uuid(model_instance), given, add=add) if given else given
        if sealed is not given:
            setattr(model_instance, self.attname, sealed)
        return sealed

    def _sealed_for(self, uuid: UUID, sealed: Sealed, *, add: bool) -> Sealed:
        if sealed.bound_to not in (None, uuid):
            # The uuid was changed after the secret was given.
            return self.seal(sealed.open(sealed.bound_to), uuid)
        if add and sealed.bound_to is None:
            # A copied row with a new uuid: better refused than stored unreadable.
            sealed.open(uuid)
        if sealed.key_id != current_key_id():
            # A row loaded before rotate_secrets passed must not bring an old key back that is about to be dropped.
            with suppress(UnreadableSecret):
                return self.seal(sealed.open(uuid), uuid)
        return sealed

    # --- fixtures and validation: ciphertext only

    @sensitive_variables()
    def to_python(self, value: object) -> Sealed:
        if isinstance(value, Sealed):
            return value
        sealed = Sealed(str(value or ""), self.place)
        if sealed and not sealed.key_id:
            raise ValidationError("not a sealed value", code="not_sealed")
        return sealed

    def value_to_string(self, obj: models.Model) -> str:
        return cast("Sealed", self.value_from_object(obj)).ciphertext

    # --- checks

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *self._check_uuid(), *self._check_options()]

    def _check_uuid(self) -> list[checks.CheckMessage]:
        fields = {field.name: field for field in self.model._meta.get_fields()}
        uuid = fields.get("uuid")
        if isinstance(uuid, models.UUIDField) and uuid.unique and uuid.has_default():
            return []
        hint = "Add uuid = UUIDField(default=uuid4, unique=True, editable=False)."
        return [checks.Error("A model with a SealedField needs a uuid.", hint=hint, obj=self, id="vault.E010")]

    def _check_options(self) -> list[checks.CheckMessage]:
        found: list[checks.CheckMessage] = []
        if not self.label or ":" in self.label:
            hint = "A constant such as 'webhooks.webhook'."
            found.append(checks.Error("The label must be a word without colons.", hint=hint, obj=self, id="vault.E011"))
        if self.null or self.unique or getattr(self, "db_index", False) or self.choices:
            hint = "Empty text means 'not set'; two ciphertexts of one secret always differ."
            message = "A SealedField can't be null, unique or indexed or have choices."
            found.append(checks.Error(message, hint=hint, obj=self, id="vault.E012"))
        return found


class SealedSlot(models.query_utils.DeferredAttribute):
    """`obj.secret_sealed`: the Sealed object, loaded on demand when it was deferred. Takes sealed values only."""

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        if instance is not None and self.field.attname in instance.__dict__:
            return instance.__dict__[self.field.attname]
        return super().__get__(instance, cls)

    def __set__(self, instance: models.Model, value: object) -> None:
        if not isinstance(value, Sealed):
            raise TypeError(f"{self.field.attname} takes sealed values only; assign plain text to {self.field.name}")
        instance.__dict__[self.field.attname] = value


class SealedAttribute:
    """`obj.secret`: opens on reading, seals on writing. The plain text is never kept."""

    def __init__(self, field: SealedField) -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Self | str:
        if instance is None:
            return self
        sealed: Sealed = getattr(instance, self.field.attname)
        return sealed.open(_row_uuid(instance)) if sealed else ""

    @sensitive_variables()
    def __set__(self, instance: models.Model, value: str | Sealed) -> None:
        if isinstance(value, str):
            value = self.field.seal(value, _row_uuid(instance))
        elif not isinstance(value, Sealed):
            raise TypeError(f"{self.field.name} takes text, not {type(value).__name__}")
        setattr(instance, self.field.attname, value)


class SealedBy(AnyLookup):
    """`filter(secret__sealed_by="k1")`: rows whose ciphertext names that key. Used by rotate_secrets."""

    lookup_name = "sealed_by"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} LIKE %s", (*params, f"{self.rhs}:%")


LOOKUPS: dict[str, type[AnyLookup]] = {"exact": Exact, "in": In, "isnull": IsNull, "sealed_by": SealedBy}


def _is_null(value: object) -> bool:
    return isinstance(value, Value) and value.value is None


def _row_uuid(instance: models.Model) -> UUID:
    uuid = getattr(instance, "uuid", None)
    if uuid is None:
        raise TypeError(f"{type(instance).__name__} needs its uuid before a secret is sealed or opened")
    return uuid if isinstance(uuid, UUID) else UUID(str(uuid))

import pytest
from django.db import connection


@pytest.mark.django_db
@pytest.mark.postgres
def test_no_statement_is_compiled():
    """Compiling one takes thirty times as long as running it: see ADR 9."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)

"""Settings of the test suite: the portal's own, in a home of their own, with fixed keys and nothing from outside.

Processes that a test starts don't use this module: `tests.processes.portal_environment` gives them real settings.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def _fresh_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="gancho-tests-"))
    made_by = os.getpid()
    # A forked child that ends must not take its parent's folder away.
    atexit.register(lambda: os.getpid() == made_by and shutil.rmtree(home, ignore_errors=True))
    return home


for _name in [name for name in os.environ if name.startswith("PORTAL_") or name in ("DEBUG", "EMAIL_URL")]:
    del os.environ[_name]
os.environ["PORTAL_HOME"] = str(_fresh_home())
os.environ["PORTAL_ENV_FILE"] = os.devnull
os.environ["PORTAL_ENVIRONMENT"] = "development"
os.environ["PORTAL_BASE_URL"] = "http://portal.test"
os.environ["SECRET_KEY"] = "only-for-tests-and-therefore-the-same-every-day"
os.environ["PORTAL_DATA_KEYS"] = "k1:dGVzdHMtb25seS1rZXktbnVtYmVyLW9uZS0zMi1ieSE="
os.environ["EMAIL_URL"] = "memorymail://"
# People of the tests sign in by force: without a second step. tests/safety/test_mfa_demand.py turns it on.
os.environ["PORTAL_STAFF_MFA"] = "false"
if not os.environ.get("DATABASE_URL"):
    os.environ["DATABASE_URL"] = f"sqlite:///{os.environ['PORTAL_HOME']}/gancho.sqlite3"

from portal.settings import *  # noqa: E402, F403
from portal.settings import DATABASES, PORTAL_HOME, STATIC_ROOT, STORAGES  # noqa: E402

STATIC_ROOT.mkdir()
# Names with a digest need a collectstatic first.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# Hashing a password is slow on purpose; no test is about that.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A file, not memory: threads and locks then behave as they do for a real installation.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": str(PORTAL_HOME / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"

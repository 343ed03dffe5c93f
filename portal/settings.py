"""Django settings. Every value that differs between installations comes from the environment (see .env.example)."""

from datetime import timedelta

import environ
from csp.constants import NONE, SELF

from portal.broker import DRAIN_QUEUE, NO_BROKER, build_celery_settings, clean_broker_url
from portal.environment import BASE_DIR, PRODUCTION, env, read_environment, read_home, read_secrets
from portal.logging import build_logging

environ.Env.read_env(env.str("PORTAL_ENV_FILE", default=str(BASE_DIR / ".env")))

# --- where this installation runs -------------------------------------------------------------------------------

# The same as in pyproject.toml (a test compares); receivers see it in User-Agent.
PORTAL_VERSION = "0.1.0"
PORTAL_ENVIRONMENT = read_environment()
PORTAL_HOME = read_home()
PORTAL_BASE_URL = env.str("PORTAL_BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
# Downloads may have an address of their own, so that receivers fetching files never hold the threads of the pages.
PORTAL_DOWNLOAD_BASE_URL = env.str("PORTAL_DOWNLOAD_BASE_URL", default=PORTAL_BASE_URL).rstrip("/")
# Where `make run` has its demo receiver; empty elsewhere.
PORTAL_DEMO_RECEIVER_URL = env.str("PORTAL_DEMO_RECEIVER_URL", default="")
PORTAL_OPERATOR_NAME = env.str("PORTAL_OPERATOR_NAME", default="Operador Meridiano")
HTTPS = PORTAL_BASE_URL.startswith("https://")
# How many proxies of ours stand in front: the caller's address is that many places from the end of X-Forwarded-For.
# With https there is one at least, or nobody would end it; counted as none, all callers would share one sign-in limit.
PORTAL_PROXY_COUNT = env.int("PORTAL_PROXY_COUNT", default=1 if HTTPS else 0)

DEBUG = env.bool("DEBUG", default=False) and PORTAL_ENVIRONMENT == "development"
SECRET_KEY, PORTAL_DATA_KEYS = read_secrets(
    "SECRET_KEY", "PORTAL_DATA_KEYS", home=PORTAL_HOME, environment=PORTAL_ENVIRONMENT
)
_own_hosts = [environ.urlparse(PORTAL_BASE_URL).hostname, "127.0.0.1", "localhost"]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=_own_hosts)
CSRF_TRUSTED_ORIGINS = [PORTAL_BASE_URL]

# --- applications -----------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "portal",
    "dispatch",
    "webhooks",
    "catalog",
    "connections",
    "notices",
    "access",
    "vault",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_celery_beat",
    "portal.admin_config.HouseAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
]

MIDDLEWARE = [
    "access.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "access.session_middleware.SessionsMiddleware",
    "access.middleware.ActorMiddleware",
    "access.middleware.SeeingMiddleware",
    "access.mfa.demand.DemandMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.unavailable.UnavailableMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.navigation.frame",
            ],
        },
    },
]

FORM_RENDERER = "portal.form_renderer.HouseRenderer"

# --- database ---------------------------------------------------------------------------------------------------

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{PORTAL_HOME / 'gancho.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A transaction that starts by reading and then writes would otherwise fail at once with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["ATOMIC_REQUESTS"] = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Shared by all processes: limits on sign-ins count here. The table is made by a migration; CACHE_URL names another.
CACHES = {"default": env.cache_url("CACHE_URL", default="dbcache://portal_cache")}
if CACHES["default"]["BACKEND"].endswith("DatabaseCache"):
    # Django's 300 rows would let a caller push the counts out with rows of his own.
    CACHES["default"]["OPTIONS"] = {"MAX_ENTRIES": 100_000}

# --- people, language, time -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "access.User"
# Django's ModelBackend included: allauth's stands on it. One alone, so that a wrong password is hashed once.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "access.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "access.forms.SignInForm",
    "reset_password": "access.forms.ForgottenPasswordForm",
    "change_password": "access.forms.NewPasswordForm",
}
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Gancho] "
# No mail to addresses that have no account, and the same page as for those that have one.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PREVENT_ENUMERATION = True
# allauth's own generator keeps a second list of addresses beside the user's, by which people could also sign in.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"
ACCOUNT_SESSION_REMEMBER = True
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
# Per caller's address and per account ("key"), counted in the cache that all processes share.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "reauthenticate": "5/m/user",
    # Guesses at a code by whoever knows the password already: 30 a day hit one of three codes in 10^6 in 30 years.
    "mfa_code": "5/5m/key,30/d/key",
}
# Between the password and the code.
ACCOUNT_LOGIN_TIMEOUT = 600
MFA_ADAPTER = "access.mfa.seeds.MFAAdapter"
MFA_FORMS = {"authenticate": "access.mfa.forms.SignInCodeForm"}
# Operations see every participant: without a second factor they reach no page but the one that sets it up.
PORTAL_STAFF_MFA = env.bool("PORTAL_STAFF_MFA", default=True)
# So long the password (or a code) that was asked for again counts for changes of credentials.
PORTAL_REAUTHENTICATION_MINUTES = env.int("PORTAL_REAUTHENTICATION_MINUTES", default=10)

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", "Português"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["portal.formats"]
TIME_ZONE = "America/Sao_Paulo"

# --- files ------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = PORTAL_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MEDIA_ROOT = PORTAL_HOME / "files"
PORTAL_MAX_FILE_BYTES = env.int("PORTAL_MAX_FILE_BYTES", default=200 * 1024 * 1024)
PORTAL_DOWNLOAD_LINK_DAYS = env.int("PORTAL_DOWNLOAD_LINK_DAYS", default=7)
# Where nginx in front reads MEDIA_ROOT as an internal location, such as /files/: it then sends the bytes itself.
PORTAL_DOWNLOAD_X_ACCEL_PREFIX = env.str("PORTAL_DOWNLOAD_X_ACCEL_PREFIX", default="")

# The form of a webhook sends a field for each product that is selected; Django would stop at 1,000.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

# --- browser-side safety ----------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# A __Host- cookie is refused by browsers on plain http, so the names follow the address of the installation.
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
LANGUAGE_COOKIE_NAME = "language"
SECURE_SSL_REDIRECT = False  # the proxy in front does it; the health pages stay reachable inside
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # asks for that redirect, here or in the proxy
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- outbound calls (see docs/operations.md) --------------------------------------------------------------------

PORTAL_OUTBOUND_ALLOW = env.list("PORTAL_OUTBOUND_ALLOW", default=[])
PORTAL_OUTBOUND_ALLOW_LOOPBACK = env.bool("PORTAL_OUTBOUND_ALLOW_LOOPBACK", default=False)
PORTAL_OUTBOUND_ALLOW_LINK_LOCAL = env.bool("PORTAL_OUTBOUND_ALLOW_LINK_LOCAL", default=False)
PORTAL_OUTBOUND_ALLOW_HTTP = env.bool("PORTAL_OUTBOUND_ALLOW_HTTP", default=True)
PORTAL_OUTBOUND_PORTS = env.list("PORTAL_OUTBOUND_PORTS", default=["80", "443", "1024-65535"])
PORTAL_OUTBOUND_DEADLINE_SECONDS = env.float("PORTAL_OUTBOUND_DEADLINE_SECONDS", default=15.0)
# A token request; a delivery may have to wait for one before its own deadline begins.
PORTAL_TOKEN_DEADLINE_SECONDS = env.float(
    "PORTAL_TOKEN_DEADLINE_SECONDS", default=min(10.0, PORTAL_OUTBOUND_DEADLINE_SECONDS)
)
# The authorities that receivers' certificates are checked against; empty: those of the certifi package.
PORTAL_OUTBOUND_CA_FILE = env.str("PORTAL_OUTBOUND_CA_FILE", default="")
PORTAL_OUTBOUND_SOURCE_ADDRESSES = env.list("PORTAL_OUTBOUND_SOURCE_ADDRESSES", default=[])

# --- dispatch (docs/design of leases: dispatch/checks.py refuses a lease that is too short) ----------------------

PORTAL_DISPATCH_BATCH = env.int("PORTAL_DISPATCH_BATCH", default=200)
PORTAL_DISPATCH_CONCURRENCY = env.int("PORTAL_DISPATCH_CONCURRENCY", default=64)
PORTAL_DISPATCH_LEASE_SECONDS = env.int("PORTAL_DISPATCH_LEASE_SECONDS", default=120)
PORTAL_DISPATCH_LANE_CAP = env.int("PORTAL_DISPATCH_LANE_CAP", default=4)
# How long notifications with their attempts are kept, and their bodies (dispatch/retention.py).
PORTAL_KEEP_DELIVERIES_DAYS = env.int("PORTAL_KEEP_DELIVERIES_DAYS", default=90)
PORTAL_KEEP_BODIES_DAYS = env.int("PORTAL_KEEP_BODIES_DAYS", default=30)
PORTAL_TEST_CLOCK_OFFSET_SECONDS = env.int("PORTAL_TEST_CLOCK_OFFSET_SECONDS", default=0)
# A webhook that has failed at least so often in a row, and for so long, is stopped and probed (docs/adr/0008).
PORTAL_FAILING_STOP_AFTER_HOURS = env.int("PORTAL_FAILING_STOP_AFTER_HOURS", default=72)
PORTAL_FAILING_STOP_AFTER_ATTEMPTS = env.int("PORTAL_FAILING_STOP_AFTER_ATTEMPTS", default=10)
# As gunicorn_web.py reads it: of these threads a quarter may wait for the result of a press of Enviar.
PORTAL_WEB_THREADS = env.int("PORTAL_WEB_THREADS", default=8)

# --- broker and periodic jobs -----------------------------------------------------------------------------------

# Without a broker the jobs' rows are read by a beat of our own process, which calls each task itself.
CELERY_BROKER_URL = clean_broker_url(env.str("CELERY_BROKER_URL", default=""))
PORTAL_HAS_BROKER = CELERY_BROKER_URL != NO_BROKER
PORTAL_DRAIN_QUEUE = DRAIN_QUEUE
# A drain ends after so long, so that a worker's other tasks have their turn.
PORTAL_DISPATCH_DRAIN_SECONDS = env.int("PORTAL_DISPATCH_DRAIN_SECONDS", default=60)
vars().update(build_celery_settings(CELERY_BROKER_URL, deadline_seconds=PORTAL_OUTBOUND_DEADLINE_SECONDS))
CELERY_TIMEZONE = TIME_ZONE

DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.error_reports.Filter"

# --- watching (docs/operations.md) ------------------------------------------------------------------------------

# Whoever reads /metrics sends it as a bearer token; empty: there is no such page.
PORTAL_METRICS_TOKEN = env.str("PORTAL_METRICS_TOKEN", default="")
# Something due for longer than this, at a receiver that answers, means that sending is late.
PORTAL_READY_OLDEST_DUE_SECONDS = env.int("PORTAL_READY_OLDEST_DUE_SECONDS", default=300)

# --- logs -------------------------------------------------------------------------------------------------------

LOGGING = build_logging(
    readable=PORTAL_ENVIRONMENT != PRODUCTION, level=env.str("PORTAL_LOG_LEVEL", default="INFO").upper()
)

# --- mail -------------------------------------------------------------------------------------------------------

# A mail server that hangs must not hold a job or a page for longer; EMAIL_URL may say otherwise (?timeout=5).
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("PORTAL_MAIL_FROM", default="Gancho <gancho@localhost>")
# Who is told when the sending itself is in trouble; empty: the staff who hold the permission for it.
PORTAL_OPERATOR_EMAILS = env.list("PORTAL_OPERATOR_EMAILS", default=[])
_default_mail = f"filemail:///{PORTAL_HOME / 'mail'}"
EMAIL_CONFIG = env.email_url("EMAIL_URL", default=_default_mail)
vars().update(EMAIL_CONFIG)

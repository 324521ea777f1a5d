"""Credentials at rest: AES-256-GCM, bound to tenant, table, column and row, under keys derived from the environment.

The base is `fernet_fields`' encrypted field (storage type, refusal of look-ups); its Fernet is replaced because it cannot bind a
value to its row. Keys come from INTEGRATION_ENCRYPTION_KEY, a list: the first seals, all open, so a key is rotated
by putting a new one in front and running `manage.py rotate_secrets`.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from django.conf import settings
from django.db import connection, models
from fernet_fields import EncryptedField

VERSION = b"\x01"
NONCE_BYTES = 12


class CannotOpen(Exception):
    """No key of INTEGRATION_ENCRYPTION_KEY opens this value, or it was moved from another row."""


@cache
def _cipher(key: str) -> AESGCM:
    # scrypt makes a guessable key expensive to try; the salt is fixed because the key itself is the secret
    derived = Scrypt(salt=b"raccord.credentials.v1", length=32, n=2**14, r=8, p=1).derive(key.encode())
    return AESGCM(derived)


def seal(value: Any, bound_to: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    cipher = _cipher(settings.INTEGRATION_ENCRYPTION_KEYS[0])
    return VERSION + nonce + cipher.encrypt(nonce, json.dumps(value).encode(), bound_to.encode())


def unseal(sealed: bytes, bound_to: str) -> Any:
    """Raises CannotOpen."""
    nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    for key in settings.INTEGRATION_ENCRYPTION_KEYS:
        try:
            return json.loads(_cipher(key).decrypt(nonce, body, bound_to.encode()))
        except InvalidTag:
            continue
    raise CannotOpen(f"no key opens the secret of {bound_to}")


class Secret:
    """A value read from the database: opened only when somebody asks, printed never."""

    def __init__(self, sealed: bytes, bound_to: str) -> None:
        self.sealed, self.bound_to = sealed, bound_to

    def open(self) -> Any:
        return unseal(self.sealed, self.bound_to)

    def __bool__(self) -> bool:
        return bool(self.sealed)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


class SecretField(EncryptedField, models.Field):
    """JSON that is sealed when saved; reading the attribute answers a `Secret`, whose `open()` gives the value.

    The row needs its key before it is given a secret. shared: the table is in the public schema, whichever tenant reads it.
    """

    def __init__(self, *args: Any, shared: bool = False, **kwargs: Any) -> None:
        self.shared = shared
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | ({"shared": True} if self.shared else {})

    def contribute_to_class(self, cls: type[models.Model], name: str, **kwargs: Any) -> None:  # type: ignore[override]
        super().contribute_to_class(cls, name, **kwargs)
        setattr(cls, name, _Attribute(self))

    def bound_to(self, instance: models.Model) -> str:
        schema = "public" if self.shared else connection.schema_name
        return f"{schema}/{instance._meta.db_table}/{self.column}/{instance.pk}"

    def pre_save(self, instance: models.Model, add: bool) -> bytes | None:
        value = instance.__dict__.get(self.attname)
        if value is None or isinstance(value, bytes):
            return value
        sealed = seal(value, self.bound_to(instance))
        instance.__dict__[self.attname] = sealed
        return sealed

    def get_db_prep_save(self, value: bytes | None, connection: Any) -> Any:
        return value

    def from_db_value(self, value: Any, expression: Any, connection: Any, *args: Any) -> bytes | None:
        return None if value is None else bytes(value)

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        if data:  # a form is write-only: left empty, what is stored stays
            setattr(instance, self.name, data)

    def value_to_string(self, obj: models.Model) -> str:
        return "***"


class _Attribute:
    def __init__(self, field: SecretField) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__.get(self.field.attname)
        return (
            Secret(value, self.field.bound_to(instance))
            if isinstance(value, bytes)
            else Secret(
                seal(value, self.field.bound_to(instance)) if value is not None else b"", self.field.bound_to(instance)
            )
        )

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value.sealed if isinstance(value, Secret) else value

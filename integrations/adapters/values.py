"""The adapters' door to the canonical values, which `crm` shares: see `values` at the root."""

from values import UNSEEN, Type, Unfit, Value, canonical, data, date, datetime, decimal, key, names, text

__all__ = [
    "UNSEEN",
    "Type",
    "Unfit",
    "Value",
    "canonical",
    "data",
    "date",
    "datetime",
    "decimal",
    "key",
    "names",
    "text",
]

"""Small local servers that behave like the providers, for the demo and the tests.

Imports nothing of Django and nothing of the rest of the project: `python -m integrations.sandbox`.
"""

"""Webhooks that we send: a tenant's own programs are told what happened. Those that tools send to us are in `webhooks`."""

"""The public half of the notifications: which tenants have something to tell or to send, for all of them in one table."""

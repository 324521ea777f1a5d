"""Views check, call one function and render; what they show is gathered beside them, what they do stands in services."""

"""The demo tenant: Acme Studio, a small design studio that sells to shops and workshops all over Europe."""

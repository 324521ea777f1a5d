"""OAuth for all providers: a person's visit to the consent page, and the grant that workers keep alive. docs/security.md."""

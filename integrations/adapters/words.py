"""Words of adapters that people read: marked here for translation, translated where they are shown."""


def gettext_noop(text: str) -> str:
    """The text itself; `makemessages` collects what is given to it."""
    return text

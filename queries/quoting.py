"""SQL's names and literals."""


def quoted(name: str) -> str:
    """Return a name as SQL writes it whatever its characters."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal that is inert wherever it stands, and means the same whatever the settings are."""
    return "E'" + "".join(f"\\u{ord(c):04X}" if c <= "\uffff" else f"\\U{ord(c):08X}" for c in text) + "'"

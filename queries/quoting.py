"""SQL's names and literals."""


def quoted(name: str) -> str:
    """Return a name as SQL writes it whatever its characters."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal that is inert wherever it stands, and means the same whatever the settings are."""
    # By units of UTF-16, which the server puts together again: a character at a time, the longest text takes 30 ms.
    units = text.encode("utf-16-be", "surrogatepass").hex("-", 2).upper()
    return "E'" + (f"-{units}".replace("-", "\\u") if text else "") + "'"

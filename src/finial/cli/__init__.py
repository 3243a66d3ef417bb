"""The command line: one group per file."""


def main() -> None:
    """Entry point of the `finial` program."""

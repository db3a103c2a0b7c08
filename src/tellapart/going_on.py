"""How a command that did not come to its end goes on: the same again, or with `--resume`."""

_known: list[bool] = []


def know_resumable(resumable: bool | None) -> None:
    """Keep whether the command that runs has `--resume`; None where no command runs, as in a notebook."""
    _known[:] = [] if resumable is None else [resumable]


def same_command() -> str:
    """What to type to go on, as the end of a sentence."""
    if not _known:
        return "the same command (a run goes on with --resume)"
    return "the same command with --resume" if _known[0] else "the same command again"

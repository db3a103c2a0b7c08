"""Every error a user can meet, as one tree.

    TellapartError
    ├── UserError                 the user can mend it: exit status 2
    │   ├── PhotosError           the folder or table of photos cannot be used
    │   ├── UnknownNameError      no recipe, backbone, ... of that name
    │   ├── WeightsError          pretrained weights missing, damaged or of another network
    │   ├── OfflineError          a network was tried, and the user has forbidden it
    │   ├── RunFolderError        the output folder is taken, or is not a run
    │   ├── ModelFileError        the model file is damaged or not ours
    │   ├── StorageError          no space, no permission
    │   ├── MemoryShortError      not even one photo at a time fits into memory
    │   ├── OptionError           a setting outside its range
    │   └── MissingExtraError     a part of Tellapart is not installed
    ├── ShardError                part of a bulk job failed; the others are kept
    ├── SourceError               one photo cannot be fetched just now; asked for again it may be
    ├── UnreadablePhotoError      one photo cannot be decoded; it is named and left out
    └── TrainingError             a recipe failed while it was training

Each message is one line: what was found, what is accepted, what to type next.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

SAVE_ANEW: Final = "Next: save them as JPEG or PNG, and ask again; the other photos are answered"


class TellapartError(Exception):
    """Base of all errors of this package."""


class UserError(TellapartError):
    """Something that the user can mend; the command line exits with status 2."""


class PhotosError(UserError, ValueError):
    """The folder or table of photos cannot be used; a ValueError too, as scikit-learn expects of bad input."""


class UnknownNameError(UserError):
    """No recipe, backbone or setting of that name; the message gives the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = get_close_matches(name.lower(), known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        super().__init__(f"No {kind} is called '{name}'. {hint}Accepted: {', '.join(known)}.")


class WeightsError(UserError):
    """Pretrained weights are missing, damaged or of another network."""


class OfflineError(UserError):
    """Something tried to reach a network, and the user has forbidden it."""


class RunFolderError(UserError):
    """The output folder holds something else, or a run folder is not one."""


class ModelFileError(UserError):
    """A model file is damaged or was not made by Tellapart."""


class StorageError(UserError):
    """A file could not be written: no space, no permission, folder gone."""


class MemoryShortError(UserError, MemoryError):
    """Memory is too little, however little is computed at once."""


def unread_photos(n: int, where: str) -> UserError:
    """The error at the end of a command that answered all photos but some; their reasons stand where it says."""
    return UserError(f"{n} of the photos could not be read; the reason stands {where}. {SAVE_ANEW}")


class OptionError(UserError):
    """A setting is outside what is accepted."""


class MissingExtraError(UserError):
    """An optional part is needed and not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} is not installed. Next: pip install "tellapart[{extra}]"')


class ShardError(TellapartError):
    """Some shards of a bulk job could not be made; the others are kept."""


class SourceError(TellapartError):
    """A photo could not be fetched just now; asked for again it may be."""


class UnreadablePhotoError(TellapartError):
    """One photo cannot be decoded; `str()` gives the reason alone, without the path."""


class TrainingError(TellapartError):
    """A recipe failed while it was training; the message names it."""

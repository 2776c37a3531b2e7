"""The site's secret key: made at first use, kept in a file that git ignores."""

import os
import secrets
from pathlib import Path


def load_or_make(path: Path) -> str:
    """Returns the key in `path`, and writes a new one there if there is none.

    Several processes may start at once, so the file appears complete or not at all: it is written
    under another name and linked into place, and whoever comes second reads the first one's key.
    """
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(50) + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()

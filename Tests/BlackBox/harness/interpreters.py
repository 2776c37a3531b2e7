"""The Pythons of this machine that a server under test may use."""

import functools
import glob
import os
import re
import shutil
import subprocess
import sys

REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
SUPPORTED = ("3.11", "3.12", "3.13")


@functools.cache
def version_of(python):
    """`3.12` for a working interpreter, None for anything else."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        result = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


@functools.cache
def find(version):
    """An interpreter of this version without regard to what is installed in it, or None."""
    pyenv = os.path.expanduser("~/.pyenv/versions")
    candidates = sorted(glob.glob(f"{pyenv}/{version}*/bin/python{version}"))
    candidates += [f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"]
    found = shutil.which(f"python{version}")
    if found:
        candidates.append(found)
    for candidate in candidates:
        if os.access(candidate, os.X_OK) and version_of(candidate) == version:
            return candidate
    return None


@functools.cache
def too_old():
    """An interpreter older than 3.11, or None."""
    for version in ("3.10", "3.9", "3.8", "3.7", "3.6"):
        python = find(version)
        if python:
            return python
    return None


@functools.cache
def with_packages(version):
    """An interpreter of this version that has Django and Flask, or None.

    The virtual environments of the project come first, then the one that runs the tests.
    """
    candidates = [f"{REPOSITORY}/.venv-{version}/bin/python", f"{REPOSITORY}/.venv/bin/python"]
    candidates.append(sys.executable)
    for candidate in candidates:
        if not os.access(candidate, os.X_OK) or version_of(candidate) != version:
            continue
        test = [candidate, "-c", "import django, flask"]
        if subprocess.run(test, capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def system_python():
    """An interpreter that every user of the machine may read, or None."""
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        path = f"/usr/bin/{name}"
        version = version_of(path) if os.access(path, os.X_OK) else None
        if version and re.fullmatch(r"3\.1[1-9]", version):
            return path
    return None

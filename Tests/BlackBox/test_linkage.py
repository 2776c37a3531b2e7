"""What the server and the extension load: no Foundation, ICU, Dispatch or Swift concurrency.

They would cost megabytes of private memory in each process, and threads before a fork.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
STAGE = Path(os.environ.get("PLIMSOLL_STAGE", REPOSITORY / "stage"))
SERVER = STAGE / "libexec" / "plimsoll" / "plimsolld"
EXTENSION = STAGE / "lib" / "plimsoll" / "_plimsoll.abi3.so"

# The C library with its parts, and the C++ runtime below Swift's own, which is linked in.
ALLOWED = {"libc", "libm", "libdl", "librt", "libpthread", "libgcc_s", "libstdc++"}

# Symbols and metadata that are there as soon as one of these libraries is linked in statically.
MARKS = {
    "Foundation": [b"$s10Foundation", b"$s20FoundationEssentials", b"CFStringCreate"],
    "ICU": [b"ucol_open", b"u_charType", b"_FoundationICU"],
    "Dispatch": [b"dispatch_async", b"_dispatch_main_q", b"dispatch_queue_create"],
    "Swift concurrency": [b"swift_task_create", b"swift_task_enqueueGlobal"],
}

binaries = pytest.mark.parametrize("binary", [SERVER, EXTENSION], ids=lambda path: path.name)


def loaded(binary):
    """Names of the shared libraries that the binary loads, without version and directory."""
    text = subprocess.run(
        ["ldd", binary], capture_output=True, text=True, check=True, timeout=20).stdout
    assert "not found" not in text, text
    names = re.findall(r"^\s*(?:\S*/)?(\S+?)\.so\S*", text, re.M)
    return {name for name in names if not name.startswith(("linux-vdso", "ld-linux"))}


@binaries
def test_loads_the_c_library_only(binary):
    assert loaded(binary) <= ALLOWED


@binaries
@pytest.mark.parametrize("library", MARKS)
def test_nothing_of_it_is_linked_in(binary, library):
    content = binary.read_bytes()
    assert [mark for mark in MARKS[library] if mark in content] == []


def test_the_entry_is_exported():
    """Also shows that the binary's symbols are there to be looked for."""
    assert b"PyInit__plimsoll" in EXTENSION.read_bytes()


def test_the_extension_needs_the_stable_abi_only():
    """Names with an underscore are not Python's promise, but for those its own macros use."""
    text = subprocess.run(
        ["nm", "--dynamic", "--undefined-only", EXTENSION],
        capture_output=True, text=True, check=True, timeout=20).stdout
    needed = set(re.findall(r"\bU (_?Py\w+)", text))
    assert needed, "the extension calls nothing of Python"
    private = {name for name in needed if name.startswith("_Py")}
    assert private <= {
        "_Py_Dealloc", "_Py_NoneStruct", "_Py_TrueStruct", "_Py_FalseStruct",
        "_PyWeakref_RefType",  # PyWeakref_CheckRef, weakrefobject.h
    }


def test_the_extension_can_be_imported_alone():
    """Loading it starts no thread and opens no descriptor."""
    lines = (
        "import os\n"
        "def state(): return os.listdir('/proc/self/task'), os.listdir('/proc/self/fd')\n"
        "before = state()\nimport _plimsoll\nassert state() == before, (before, state())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", lines], env={**os.environ, "PYTHONPATH": str(EXTENSION.parent)},
        capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr

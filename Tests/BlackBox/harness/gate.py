"""A gate that an application under test waits at, so that tests order events without sleeping."""

import errno
import os

from .processes import wait_until


class Gate:
    """A named pipe. The application opens it for reading and so waits until the test lets it pass.

    In the application: `open(path, "rb").read()`.
    """

    def __init__(self, path):
        self.path = str(path)
        os.mkfifo(self.path)
        os.chmod(self.path, 0o666)
        self._descriptor = None

    def wait_for_visitor(self, deadline=15.0):
        """Returns when an application is waiting at the gate."""

        def visited():
            try:
                self._descriptor = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return False
                raise
            return True

        if self._descriptor is None:
            wait_until(visited, deadline, f"an application at {self.path}")
        return self

    def open(self, deadline=15.0):
        """Lets the visitor pass (waits for one)."""
        self.wait_for_visitor(deadline)
        os.close(self._descriptor)
        self._descriptor = None

    def open_for_good(self, deadline=15.0):
        """Lets the visitors pass, and whoever comes later."""
        self.wait_for_visitor(deadline)
        # Who comes from now on reads an empty file; the others hold on to the pipe.
        with open(f"{self.path}.open", "wb"):
            pass
        os.replace(f"{self.path}.open", self.path)
        self.open()

    def close(self):
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

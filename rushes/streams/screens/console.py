"""The console of the screens: a reader that leaves early ends the showing, not the work."""

import os
import sys

from rich.console import Console


class SteadyConsole(Console):
    """As rich's, but silent where rich would end the program: `rushes run ... | head` sorts to the end."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, (sys.stderr if self.stderr else sys.stdout).fileno())
        os.close(devnull)

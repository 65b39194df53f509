"""Child processes of `serve`: started with the parent's settings, watched, started again when they end."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from time import monotonic

from features.online.embedded import end_with_parent
from features.settings import Settings

SHORT_LIFE_SECONDS = 5.0  # a child that lived shorter is started again only after a pause
LONGEST_PAUSE_SECONDS = 10.0


class Child:
    """A Python module that runs as its own process, in its own session, so that Ctrl-C reaches the parent alone.

    Args:
        inherited: file descriptors that it is handed.
        holds_sigterm: it is started with SIGTERM blocked, and unblocks it when it can end in order.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        inherited: Sequence[int] = (),
        holds_sigterm: bool = False,
    ) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = dict(environment)
        self._inherited = tuple(inherited)
        self._holds_sigterm = holds_sigterm
        self._pause_seconds = 0.0
        self._not_before = 0.0
        self._started = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the latest start; None before the first."""
        return None if self._process is None else self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended (negative: the signal); None while it runs or before the first start."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it."""
        self._started = monotonic()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM} if self._holds_sigterm else ())
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command,
                env=self._environment,
                pass_fds=self._inherited,
                start_new_session=True,
                preexec_fn=end_with_parent(),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def start_again_when_due(self) -> bool:
        """Start an ended child again, later each time that it lived only shortly; returns whether it was started."""
        now = monotonic()
        if self._not_before == 0.0:
            lived_shortly = now - self._started < SHORT_LIFE_SECONDS
            self._pause_seconds = min(2 * self._pause_seconds + 0.1, LONGEST_PAUSE_SECONDS) if lived_shortly else 0.0
            self._not_before = now + self._pause_seconds
        if now < self._not_before:
            return False
        self._not_before = 0.0
        self.start()
        return True

    def ask_to_end(self) -> None:
        """Ask it to finish what it does and end."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait_for_end(self, deadline_seconds: float) -> None:
        """Wait until it ended; after the deadline, end it."""
        if self._process is None:
            return
        try:
            self._process.wait(deadline_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def environment_of(settings: Settings) -> dict[str, str]:
    """This process's environment, with `settings` in the variables that they are read from."""
    environment = dict(os.environ)
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"RECOMMENDER_{name}").upper()
        value = getattr(settings, name)
        if value is None:
            environment.pop(variable, None)
        else:
            environment[variable] = str(value)
    return environment

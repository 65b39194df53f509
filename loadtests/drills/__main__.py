"""Play the drills and print the table; the exit status is 1 if a promise was broken."""

import importlib
import os
import sys
from time import monotonic

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtests.drills.drill import DRILLS, Drill, NotHere
from loadtests.drills.stage import Stage

TRIES, STANDSTILL_SECONDS = 2, 0.5
MODULES = ("of_redis", "of_sql", "of_processes", "of_artifacts", "of_clock", "of_overload")


def _played(one: Drill) -> Stage:
    """Play it; again if the machine stood still meanwhile, for then nothing can be said of how long things took."""
    for _ in range(TRIES - 1):
        stage = one.play()
        if not stage.broken or stage.load.stood_still_seconds < STANDSTILL_SECONDS:
            return stage
    return one.play()


def main() -> int:
    """Play all drills, or those named on the command line."""
    for module in MODULES:
        importlib.import_module(f"loadtests.drills.{module}")
    console = Console(width=int(os.environ.get("COLUMNS", "170")))
    names = sys.argv[1:] or list(DRILLS)
    if unknown := [name for name in names if name not in DRILLS]:
        console.print(f"no drill is called {unknown[0]}; there are: {', '.join(DRILLS)}")
        return 2
    table = Table("drill", "fault", "promise", "seen", "", title="Drills", show_lines=True)
    n_broken = 0
    for name in names:
        one, began = DRILLS[name], monotonic()
        try:
            stage = _played(one)
        except NotHere as why:
            table.add_row(name, one.fault, one.promise, str(why), "not played")
            continue
        n_broken += bool(stage.broken)
        ended = "BROKEN:\n" + "\n".join(stage.broken) if stage.broken else "held"
        table.add_row(name, one.fault, one.promise, Text("\n".join(stage.notes)), ended)
        console.print(f"{name}: {ended} ({monotonic() - began:.0f} s)", markup=False)
    console.print(table)
    return 1 if n_broken else 0


if __name__ == "__main__":
    sys.exit(main())

"""How a fit shares the processor: two lanes of work side by side, each with half of the cores.

Most steps run on one core, whatever the machine has: beside each other they take half the time. And no thread of a
library waits, spinning, for a core that the other lane needs.
"""

import os

LANE_THREADS = max((os.cpu_count() or 1) // 2, 1)

"""Pull plugs on the running service and see what each caller gets: `make drills`, or `make drills DRILL=redis-gone`."""

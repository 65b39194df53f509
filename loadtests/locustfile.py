"""The same traffic from Locust, for those who have a herd of it: see docs/load.md. Locust is no dependency of ours.

RECOMMENDER_DATA_DIR=data locust -f loadtests/locustfile.py --host http://127.0.0.1:8000 --headless -u 50 -t 60s
"""

from os import getpid

from locust import FastHttpUser, constant_throughput, task

from features.settings import Settings
from loadtests.traffic import MIX, Traffic, read_baskets

BASKETS = read_baskets(Settings())


class Caller(FastHttpUser):
    """One caller: each call of a plan in its turn, one a second."""

    abstract = True
    wait_time = constant_throughput(1)
    caller = "storefront"

    def on_start(self) -> None:
        """Begin the plan."""
        self.calls = Traffic(BASKETS, f"{getpid()}-{id(self)}", seed=id(self), mix={self.caller: (1.0, 1)})

    @task
    def call(self) -> None:
        """Make the next call."""
        call = next(self.calls)
        headers = {} if call.key is None else {"Idempotency-Key": call.key}
        self.client.request(call.method, call.path, json=call.body, headers=headers, name=call.name)


class Storefront(Caller):
    """Visits of the storefront."""

    weight = round(1000 * MIX["storefront"][0])


class App(Caller):
    """Phones in the aisles."""

    caller, weight = "app", round(1000 * MIX["app"][0])


class Till(Caller):
    """Tills."""

    caller, weight = "till", round(1000 * MIX["till"][0])


class Feed(Caller):
    """The back office."""

    caller, weight = "feed", round(1000 * MIX["feed"][0])


class Renderer(Caller):
    """The renderer of mails."""

    caller, weight = "renderer", round(1000 * MIX["renderer"][0])

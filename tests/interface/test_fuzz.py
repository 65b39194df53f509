"""A real `serve`, called with whatever its own document allows and forbids: no 500, nothing that is not documented.

FUZZ_EXAMPLES raises the number of calls of each kind and operation (`make fuzz`).
"""

import os

import pytest

from tests.integration.serve.service import eventually, serving
from tests.integration.serving.test_access import GuardedShop, bearer

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))


@pytest.mark.timeout(900)  # a minute or so of processor time, on a busy machine several
def test_every_answer_is_documented_and_none_is_a_500(shop: GuardedShop) -> None:
    from tests.interface.fuzzing import faults_of  # takes two seconds, and every process of a run reads this file

    with serving(shop.settings.data_dir, "serving.app:create_app", REDIS_URL=str(shop.settings.redis_url)) as service:
        eventually(lambda: service.client.get("/readyz").json()["ready"])
        faults = list(faults_of(service.base, bearer(shop.secret_text), EXAMPLES))
        said = (shop.settings.data_dir / "said.txt").read_text()
        service.stop()
    assert not faults, "\n\n".join(faults)
    assert "Traceback" not in said, said

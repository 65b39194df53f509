"""Calls of every documented operation, made up from its description: what fits it and what does not."""

from collections.abc import Iterator
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
KINDS = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
FEW = 10  # examples, up to which nobody has seconds to wait for a path that does not fit


def faults_of(base: str, headers: dict[str, str], examples: int) -> Iterator[str]:
    """What is wrong with the answers to `examples` calls of each kind and operation; the same calls every time."""
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
    for found in schema.get_all_operations():
        operation = found.ok()
        takes_only_a_path = not (operation.body or operation.query)
        for kind in KINDS[:1] if takes_only_a_path and examples <= FEW else KINDS:
            fault = _fault(operation, kind, headers, examples)
            if fault is not None:
                yield f"{operation.label} ({kind.value}): {fault}"


def _fault(operation: Any, kind: GenerationMode, headers: dict[str, str], examples: int) -> str | None:
    try:
        calls = operation.as_strategy(generation_mode=kind)

        @settings(
            max_examples=examples, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
        )  # fmt: skip
        @given(case=calls)
        def call(case: Any) -> None:
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS, headers=headers)

        call()
    except Exception as error:  # whatever it is, it is what the test reports
        if "Unsatisfiable" in type(error).__name__ or "Impossible" in str(error):
            return None  # nothing that does not fit can be sent to a route without parameters
        return f"{type(error).__name__}: {error}\n" + "\n".join(map(str, getattr(error, "exceptions", ())))
    return None

"""What gets into a line of log, whatever somebody sends; and which requests get one."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import StoreUnavailable
from serving.logs import JsonLines, TextLines
from serving.request_log import MOST_A_MINUTE, RequestLog
from serving.request_notes import NOTES, RequestNotes, notes_of

HOSTILE = st.one_of(
    st.text(), st.sampled_from(["a\nb", 'x"}\n{"level":"error', "\x1b[2J", "\u2028", "\r\n", "\x00", "\ud800", "%s%n"])
)
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def record(message: str, *args: object, error: Exception | None = None) -> logging.LogRecord:
    found = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("serving.test", logging.WARNING, __file__, 1, message, args, found)


@given(HOSTILE, HOSTILE)
def test_whatever_is_logged_is_one_line_of_ascii_json(message: str, value: str) -> None:
    line = JsonLines().format(record("said %s and %s", message, value))
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["level"] == "warning"
    text = TextLines().format(record("said %s and %s", message, value))
    assert len(text.splitlines()) == 1
    assert text.isprintable()


@pytest.mark.parametrize(
    "leak",
    [
        "ann.o'neil@mail.shop.example",
        "ann%40shop.example",
        "sk_0123456789abcdef0123",
        "Bearer abcdef",
        "redis://user:geheim@store:6379/0",
        "DETAIL:  Key (user_id)=(ann) already exists.",
        "[type=int, input_value='ann', input_type=str]",
    ],
)
def test_people_and_secrets_are_taken_out(leak: str) -> None:
    line = JsonLines().format(record(f"it failed: {leak}"))
    assert not any(word in line for word in ("ann", "0123456789", "abcdef", "geheim"))
    assert "it failed" in line


def test_an_unexpected_error_of_a_request_is_told_by_its_kind_and_place_alone() -> None:
    def fail(error: Exception) -> str:
        with pytest.raises(type(error)) as caught:
            raise error
        return JsonLines().format(record("a request failed", error=caught.value))

    outside = fail(KeyError("ann"))
    token = NOTES.set(RequestNotes("r1"))
    inside, planned = fail(KeyError("ann")), fail(StoreUnavailable("the database is locked"))
    NOTES.reset(token)
    assert "ann" in outside
    assert "ann" not in inside
    assert json.loads(inside)["error.type"] == "builtins.KeyError"
    assert any("test_logs.py" in frame for frame in json.loads(inside)["frames"])
    assert json.loads(inside)["request_id"] == "r1"
    assert json.loads(planned)["error.message"] == "the database is locked"


@pytest.mark.parametrize("sampled", [True, False])
def test_a_callers_trace_goes_on_with_a_span_of_ours(sampled: bool) -> None:
    notes = notes_of(None, f"00-{TRACE}-{PARENT}-0{int(sampled)}".encode())
    assert (notes.request_id, notes.trace_id, notes.sampled) == (TRACE, TRACE, sampled)
    version, trace_id, span_id, flags = (notes.traceresponse or b"").decode().split("-")
    assert (version, trace_id, flags) == ("00", TRACE, f"0{int(sampled)}")
    assert span_id not in {PARENT, "0" * 16}
    later = notes_of(b"mine", f"cc-{TRACE}-{PARENT}-01-what.comes".encode())
    assert (later.request_id, later.trace_id) == ("mine", TRACE)


@pytest.mark.parametrize(
    "given",
    [
        f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{PARENT}",
        f"00-{TRACE.upper()}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01-more", f" 00-{TRACE}-{PARENT}-01", "",
    ],
)  # fmt: skip
def test_what_is_no_trace_is_as_if_it_had_not_been_sent(given: str) -> None:
    notes = notes_of(None, given.encode())
    assert notes.trace_id is None
    assert notes.traceresponse is None
    assert len(notes.request_id) == 32


@pytest.mark.parametrize("given", [b"ann@shop.example", b"a b", b"a\x00", b"", b"x" * 129, b'"}', b"<script>"])
def test_an_id_that_could_be_mistaken_for_more_than_an_id_is_replaced(given: bytes) -> None:
    assert len(notes_of(given, None).request_id) == 32
    assert notes_of(b"order-7:retry/2", None).request_id == "order-7:retry/2"


def test_slow_and_traced_requests_get_a_line_with_their_stages_so_many_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    log = RequestLog(slow_seconds=0.25)
    notes = RequestNotes("r1", stages={"gather": 0.001, "decide": 0.3}, reasons={"popular": None})
    log.ended(notes, "POST", "/v1/recommendations", 200, 0.1)
    assert not caplog.records
    log.ended(RequestNotes("r2", sampled=True), "POST", "/v1/recommendations", 200, 0.1)
    for _ in range(MOST_A_MINUTE + 5):
        log.ended(notes, "POST", "/v1/recommendations", 200, 0.301)
    said = [line.getMessage() for line in caplog.records]
    assert said == ["traced request", *["slow request"] * MOST_A_MINUTE]
    facts = json.loads(JsonLines().format(caplog.records[-1]))
    assert facts["stages_ms"] == {"gather": 1.0, "decide": 300.0}
    assert (facts["reasons"], facts["duration_ms"], facts["level"]) == (["popular"], 301.0, "warning")

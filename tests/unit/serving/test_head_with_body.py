"""The head of an answer goes out with its body."""

import asyncio

from serving.head_with_body import HeadWithBody


class Wire(asyncio.Transport):
    """Notes each piece that is sent, and the end."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces = list[bytes]()
        self.closed = False

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def test_a_head_goes_out_with_the_first_piece_of_the_body_and_the_others_one_by_one():
    wire = Wire()
    answer = HeadWithBody(wire, lambda: wire.pieces.append(b"end"))
    for piece in (b"head,", b"body", b"more", b"last"):
        answer.write(piece)
    answer.end()
    assert wire.pieces == [b"head,body", b"more", b"last", b"end"]


def test_a_head_without_a_body_goes_out_when_the_answer_ends_or_the_connection_does():
    wire = Wire()
    answer = HeadWithBody(wire, lambda: wire.pieces.append(b"end"))
    answer.write(b"head")
    answer.end()
    assert wire.pieces == [b"head", b"end"]
    last = HeadWithBody(wire, lambda: None)
    last.write(b"last")
    last.close()
    assert wire.pieces[-1] == b"last"
    assert last.is_closing()

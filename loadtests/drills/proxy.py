"""A proxy in front of Redis that can be told to delay what passes."""

import asyncio
from pathlib import Path
from threading import Thread


class SlowProxy:
    """Listens on a unix socket and hands on to another, each piece `delay_seconds` later."""

    def __init__(self, listens: Path, to: Path) -> None:
        self._listens, self._to = listens, to
        self.delay_seconds = 0.0
        self._loop = asyncio.new_event_loop()
        Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(asyncio.start_unix_server(self._join, listens), self._loop).result()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._to)
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(65_536):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def end(self) -> None:
        """Stop handing on."""
        self._loop.call_soon_threadsafe(self._loop.stop)

"""A receiver with a behaviour that nginx has not: it answers after a delay, or never.

    python -m bench.slow_receiver RECORD DELAY_SECONDS     (a negative delay: never)

Prints its port. Writes the same line for each request as the other receiver, before it answers.
"""

import re
import selectors
import socket
import sys
import time
from collections import deque
from typing import BinaryIO

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
MESSAGE = re.compile(rb"webhook-id: *(\S+)", re.IGNORECASE)


class SlowReceiver:
    """One thread, any number of connections; the delay is the same for all, so answers fall due in order."""

    def __init__(self, record: BinaryIO, delay: float) -> None:
        self.record, self.delay = record, delay
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.due: deque[tuple[float, socket.socket]] = deque()

    def run(self) -> None:
        while True:
            patience = max(0.0, self.due[0][0] - time.monotonic()) if self.due else None
            for key, _ in self.selector.select(patience):
                if key.fileobj is self.listener:
                    self.selector.register(self.listener.accept()[0], selectors.EVENT_READ, bytearray())
                else:
                    self._read(key)
            self._answer()

    def _read(self, key: selectors.SelectorKey) -> None:
        sock, buffer = key.fileobj, key.data
        assert isinstance(sock, socket.socket)
        try:
            data = sock.recv(65_536)
        except ConnectionError:
            data = b""
        if not data:
            self.selector.unregister(sock)
            sock.close()
            return
        buffer += data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = LENGTH.search(buffer, 0, end)
        whole = end + 4 + int(length[1] if length else 0)
        if len(buffer) >= whole:
            message = MESSAGE.search(buffer, 0, end)
            self._note(message[1] if message else b"-")
            del buffer[:whole]
            if self.delay >= 0:
                self.due.append((time.monotonic() + self.delay, sock))

    def _note(self, message_id: bytes) -> None:
        self.record.write(b"%.3f %d %s\n" % (time.time(), self.port, message_id))

    def _answer(self) -> None:
        now = time.monotonic()
        while self.due and self.due[0][0] <= now:
            _, sock = self.due.popleft()
            try:
                sock.send(ANSWER)
            except OSError:
                continue


def main() -> None:
    with open(sys.argv[1], "ab", buffering=0) as record:
        receiver = SlowReceiver(record, float(sys.argv[2]))
        print(receiver.port, flush=True)
        receiver.run()


if __name__ == "__main__":
    main()

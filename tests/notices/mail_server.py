"""A small mail server on loopback that keeps what it is given, and misbehaves when told to."""

import socket
import threading
from contextlib import suppress
from email import message_from_bytes
from email.message import Message
from email.policy import default


class MailServer:
    """Use as a context manager. `refused`: addresses that get a 550. `hangs`: it greets nobody. `hangs_up`: it takes a
    mail and ends the connection before it says so. `hold`: it says so only once this event is set."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.refused: set[str] = set()
        self.hangs = self.hangs_up = False
        self.taken, self.hold = threading.Event(), threading.Event()
        self.hold.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> "MailServer":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.hold.set()
        for sock in [self._listening, *self._open]:
            # Closing alone wakes nobody who waits in accept() or recv().
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def addresses(self) -> list[str]:
        return [str(mail["To"]) for mail in self.mails]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(sock)
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        if self.hangs:
            return
        with sock, sock.makefile("rwb") as wire:

            def say(words: str) -> None:
                wire.write(f"{words}\r\n".encode())
                wire.flush()

            say("220 mail.test")
            for line in wire:
                verb = line[:4].upper()
                if verb == b"RCPT":
                    address = line.partition(b"<")[2].partition(b">")[0].decode()
                    say("550 no such user" if address in self.refused else "250 ok")
                elif verb == b"DATA":
                    say("354 go on")
                    self.mails.append(message_from_bytes(_read_mail(wire), policy=default))
                    self.taken.set()
                    self.hold.wait(10)
                    if self.hangs_up:
                        return
                    say("250 taken")
                elif verb == b"QUIT":
                    say("221 bye")
                    return
                else:
                    say("250 ok")


def _read_mail(wire) -> bytes:  # type: ignore[no-untyped-def]
    lines = []
    for line in wire:
        if line == b".\r\n":
            break
        lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
    return b"".join(lines)

"""A bare pycurl multi loop: signs and sends, and writes nothing down but the ids, at its end.

    python -m bench.baselines.bare REQUESTS URL ...

Waits for a line on its input, sends, answers with its ids and its processor time.
"""

import json
import sys
import time
from itertools import cycle
from uuid import uuid4

import pycurl

from bench.baselines.signing import PAYLOAD, build_body, build_headers

IN_FLIGHT = 64


def main() -> None:
    urls = sys.argv[1:]
    handles = [_handle(url) for url, _ in zip(cycle(urls), range(IN_FLIGHT), strict=False)]
    multi = pycurl.CurlMulti()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        begun, before = time.time(), time.process_time()
        ids = send(multi, handles, int(line))
        spent = time.process_time() - before
        print(json.dumps({"begun": begun, "ended": time.time(), "cpu": spent, "ids": ids}), flush=True)


def send(multi: pycurl.CurlMulti, handles: list[pycurl.Curl], count: int) -> list[str]:
    ids: list[str] = []
    free, finished = list(handles), 0
    body = build_body(PAYLOAD)
    while finished < count:
        while free and len(ids) < count:
            curl = free.pop()
            ids.append(_sign(curl, body))
            multi.add_handle(curl)
        multi.perform()
        _, well, failed = multi.info_read()
        assert not failed, failed
        for curl in well:
            multi.remove_handle(curl)
        free += well
        finished += len(well)
        multi.select(1.0)
    return ids


def _sign(curl: pycurl.Curl, body: bytes) -> str:
    message_id = f"msg_{uuid4()}"
    headers = build_headers(message_id, body, "a-secret-of-a-webhook-00000001")
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])
    curl.setopt(pycurl.POSTFIELDS, body)
    return message_id


def _handle(url: str) -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.WRITEFUNCTION, lambda chunk: None)
    return curl


if __name__ == "__main__":
    main()

"""Receiving: a download within bounds, of bytes and of time.

A server may be broken, or not the one it should be: it can announce one length and send another, send without an end,
send a small file that unpacks into a huge one, or one byte a minute. The checksum comes too late for all of that.
"""

import threading
import time
from typing import Any

import requests
from tqdm import tqdm

WINDOW = 30.0  # seconds: in each, so many bytes have to come, or the server is given up
LEAST = 30_000
CHUNK = 1 << 14


def receive(url: str, file: Any, largest: int) -> None:
    """Download into a file.

    Args:
        url: What to get.
        file: Where to write: an open file of bytes.
        largest: Bytes to take at most.

    Raises:
        ValueError: If more bytes come, or are announced.
        TimeoutError: If they come too slowly.
        OSError: If there is no connection, it breaks off, or the disk is full.
    """
    state: dict[str, Any] = {"received": 0, "failure": None, "given up": False}

    def work() -> None:
        try:
            _read(url, file, largest, state)
        except Exception as error:  # it is raised where it can be caught
            state["failure"] = error

    # In a thread of its own: a server that drips keeps whoever reads from it from looking at the clock.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        began, before = time.monotonic(), 0
        while thread.is_alive():
            thread.join(min(1.0, WINDOW / 4))
            if time.monotonic() - began > WINDOW:
                if thread.is_alive() and state["received"] - before < LEAST:
                    raise TimeoutError(
                        f"fewer than {LEAST:,} bytes came in {WINDOW:.0f} seconds, so the server was given up"
                    )
                began, before = time.monotonic(), state["received"]
    finally:
        state["given up"] = True
    if state["failure"] is not None:
        raise state["failure"]


def _read(url: str, file: Any, largest: int, state: dict[str, Any]) -> None:
    too_large = ValueError(f"the server sends more than the {largest:,} bytes that the file has at most")
    # "identity": as it is, not packed on the way. A server that packs all the same is held to the same bound.
    with requests.get(url, stream=True, timeout=WINDOW, headers={"Accept-Encoding": "identity"}) as response:
        response.raise_for_status()
        announced = response.headers.get("Content-Length", "")
        total = int(announced) if announced.isascii() and announced.isdecimal() and len(announced) < 20 else None
        if (total or 0) > largest:
            raise too_large
        with tqdm(total=total, unit="B", unit_scale=True) as bar:
            for chunk in response.iter_content(CHUNK):
                state["received"] += len(chunk)
                if state["received"] > largest:
                    raise too_large
                if state["given up"]:
                    return
                file.write(chunk)
                bar.update(len(chunk))
        file.flush()

"""A breakpoint in a page is hit: a real debugger, spoken to as an editor does."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.book.planted import PAGE, copy_machinery


class Debugger:
    """The few words of the debug adapter protocol that an editor says to set a breakpoint and to look at the stack."""

    def __init__(self, port: int) -> None:
        for _ in range(200):
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        self.stream, self.number = self.socket.makefile("rwb"), 0

    def send(self, command: str, **arguments: Any) -> None:
        self.number += 1
        said = {"seq": self.number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(said).encode()
        self.stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.stream.flush()

    def messages(self) -> Iterator[dict[str, Any]]:
        while header := self.stream.readline():
            self.stream.readline()
            yield json.loads(self.stream.read(int(header.split(b":")[1])))

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return next(message for message in self.messages() if wanted(message))


def test_breakpoints_in_a_page_are_hit(tmp_path: Path) -> None:
    copy_machinery(tmp_path)
    page = tmp_path / "docs" / "a.md"
    page.write_text(PAGE)
    inner = PAGE[: PAGE.index("return word.upper()")].count("\n") + 1
    outer = PAGE[: PAGE.index(">>> shout(words")].count("\n") + 1
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-Xfrozen_modules=off", "-m", "debugpy", "--listen", f"127.0.0.1:{port}"]
    command += ["--wait-for-client", "-m", "pytest", "a.md::use-1"]
    stacks = list[list[tuple[str, int]]]()
    with subprocess.Popen(command, cwd=page.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        try:
            debugger = Debugger(port)
            debugger.send("initialize", adapterID="python", pathFormat="path", linesStartAt1=True)
            debugger.send("attach", justMyCode=True)
            debugger.wait(lambda m: m.get("event") == "initialized")
            debugger.send("setBreakpoints", source={"path": str(page)}, breakpoints=[{"line": inner}, {"line": outer}])
            debugger.send("configurationDone")
            for _ in range(2):
                stopped = debugger.wait(lambda m: m.get("event") == "stopped")["body"]
                debugger.send("stackTrace", threadId=stopped["threadId"])
                frames = debugger.wait(lambda m: m.get("command") == "stackTrace")["body"]["stackFrames"]
                stacks.append([(frame["source"].get("path"), frame["line"]) for frame in frames])
                debugger.send("continue", threadId=stopped["threadId"])
            debugger.send("disconnect", terminateDebuggee=True)
        finally:
            run.kill()
    assert stacks[0][0] == (str(page), outer)
    assert stacks[1][:2] == [(str(page), inner), (str(page), outer)]

"""A server without the SDK, which begins in no time: as wrong as its first argument says, or a counter."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ANY = {"type": "object"}
TOOLS = [{"name": "echo", "description": "Say it again.", "inputSchema": ANY}]
COUNTER = [
    {"name": "add", "description": "Add to the counter.", "inputSchema": NUMBER},
    {"name": "fail", "inputSchema": ANY},
    {"name": "pid", "inputSchema": ANY},
    {"name": "crash", "inputSchema": ANY},
]
count = 0


def say(value: Any) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def answer(request: dict[str, Any], result: Any) -> None:
    say({"jsonrpc": "2.0", "id": request["id"], "result": result})


def refuse(request: dict[str, Any], code: int) -> None:
    say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": f"error {code}"}})


def counted(request: dict[str, Any]) -> None:
    """The counter, which is kept for a session."""
    global count
    name, arguments = request["params"]["name"], request["params"]["arguments"]
    if name == "crash":
        os._exit(3)
    count += arguments.get("n", 0)
    text = str(os.getpid() if name == "pid" else count)
    answer(request, {"content": [{"type": "text", "text": text}], "isError": name == "fail"})


def called(kind: str, request: dict[str, Any]) -> None:
    if kind == "count":
        counted(request)
    elif kind == "garbage":
        say("this is not JSON {")
    elif kind == "mute":
        pass
    elif kind == "half":
        sys.stdout.write('{"jsonrpc": "2.0", "id"')
        sys.stdout.flush()
        os._exit(0)
    elif kind == "other":
        answer(request, {"contents": 7})
    elif kind == "binary":
        sys.stdout.buffer.write(b"\xff\xfe\x00\n")
        sys.stdout.flush()
    elif kind.startswith("error"):
        refuse(request, int(kind.removeprefix("error")))
    else:
        answer(request, {"content": [{"type": "text", "text": json.dumps(request["params"]["arguments"])}]})


def main(kind: str) -> None:
    if "STARTS" in os.environ:
        with open(os.environ["STARTS"], "a") as starts:
            starts.write(f"{os.getpid()}\n")
    if kind == "silent":
        time.sleep(3600)
    if kind == "banner":
        say("Welcome to my server!")
    for line in sys.stdin:
        request = json.loads(line)
        method = request.get("method")
        if method == "initialize" and kind == "refusing":
            refuse(request, -32603)
        elif method == "initialize":
            info = {"name": "raw", "version": "1"}
            version = "1999-01-01" if kind == "old" else request["params"]["protocolVersion"]
            answer(request, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
        elif method == "tools/list":
            page = {"nextCursor": "again"} if kind == "endless" else {}
            tools = json.loads(os.environ["TOOLS"]) if "TOOLS" in os.environ else COUNTER if kind == "count" else TOOLS
            answer(request, {"tools": tools, **page})
        elif method == "tools/call":
            called(kind, request)


if __name__ == "__main__":
    main(sys.argv[1])

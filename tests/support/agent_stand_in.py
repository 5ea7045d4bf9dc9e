#!/usr/bin/env python3
"""A program that does what Claude Code does when its model asks for one call of a shell: it asks its hooks, runs the command
or does not, and tells the model. Usage: agent_stand_in.py heeds|ignores|crashes"""
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent_hosts import HOOKS, runs  # noqa: E402


def ask(messages):
    body = {"model": "m", "stream": True, "tools": [{"name": "Bash"}], "messages": messages}
    request = urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages?beta=true", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        return [json.loads(line.removeprefix("data: ")) for line in reply.read().decode().splitlines() if line.startswith("data: ")]


def main():
    how = sys.argv[1]
    if how == "crashes":
        sys.exit("out of luck")
    events = ask([{"role": "user", "content": "go"}])
    call = json.loads("".join(event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"))
    hook = json.dumps({**HOOKS["claude-code"], "session_id": str(os.getpid()), "cwd": os.getcwd(), "tool_input": call})
    path = pathlib.Path(os.environ["HOME"], ".claude", "settings.json")
    settings = json.loads(path.read_text()) if path.exists() else {}
    for entry in settings.get("hooks", {}).get("PreToolUse", []) if how == "heeds" else []:
        done = subprocess.run(["sh", "-c", entry["hooks"][0]["command"]], input=hook, capture_output=True, text=True)
        if not runs("claude-code", done.returncode, done.stdout, done.stderr):
            ask([{"role": "user", "content": [{"type": "tool_result", "content": done.stderr}]}])
            return
    subprocess.run(["sh", "-c", call["command"]], check=True)
    ask([{"role": "user", "content": [{"type": "tool_result", "content": "done"}]}])


main()

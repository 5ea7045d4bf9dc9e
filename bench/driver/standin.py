"""Talks to the stand-in: commands in, one line of JSON out for each."""
import json
import subprocess


class Trouble(Exception):
    """Something did not come up, or died under way; the text is for a person."""


class Standin:
    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, verb, *, body=None, **values):
        words = [verb] + [f"{name}={value}" for name, value in values.items()]
        if body is not None:
            words.append(f"body={body}")
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Trouble(f"the stand-in ended at `{verb}`")
        answer = json.loads(line)
        if "error" in answer:
            raise Trouble(f"the stand-in refused `{verb}`: {answer['error']}")
        return answer

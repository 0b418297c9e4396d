"""The program of the limited processes in tests: runs the code of its job, which may `say` things."""

import json
import sys


def main():
    job = json.loads(sys.stdin.buffer.read())

    def say(**message):
        sys.stdout.write(json.dumps(message | {"key": job["key"]}) + "\n")
        sys.stdout.flush()

    exec(job["code"], {"say": say})

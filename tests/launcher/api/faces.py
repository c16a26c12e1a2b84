"""Starts faces_demo for a test and speaks plain HTTP with it."""

import json
import subprocess
import urllib.request


class Faces:
    """Both faces over made-up data. Ends with the `with` block: the program stops when its input is closed."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        ports = json.loads(self.process.stdout.readline())
        self.http, self.dask = ports["http"], ports["dask"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(timeout=10)
        finally:
            self.process.kill()
            self.process.wait()

    def url(self, path):
        return f"http://127.0.0.1:{self.http}{path}"

    def get(self, path):
        with urllib.request.urlopen(self.url(path), timeout=10) as response:
            return response.read().decode()

    def status(self):
        return json.loads(self.get("/json/status"))

"""A cluster behind TLS and tokens for a test, and plain clients of it."""

import http.client
import json
import os
import pathlib
import ssl
import subprocess
import tempfile

import grpc

from cluster_client import free_ports


class GuardedCluster:
    """A node behind a guarded port of loopback, in a scratch state folder."""

    def __init__(self, launcher):
        self.launcher = launcher
        self.scratch = tempfile.TemporaryDirectory(prefix="access-")
        self.folder = pathlib.Path(self.scratch.name)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("TRIREME_")}
        self.environment |= {"XDG_STATE_HOME": str(self.folder / "state"), "TMPDIR": str(self.folder)}
        self.state = self.folder / "state" / "trireme" / "default"
        self.dask, self.port = free_ports(2)
        self.up()
        self.tokens = {role: self.make_token(role) for role in ("read", "submit", "admin", "node")}

    def up(self):
        return self.launch("up", "--secure", "--host-name", "train.example.org", "--dask-port", str(self.dask), "--http-port",
                           str(self.port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.run("down")
        self.scratch.cleanup()

    def run(self, *arguments, **variables):
        return subprocess.run([self.launcher, *arguments], env={**self.environment, **variables}, capture_output=True, text=True,
                              check=False, timeout=60)

    def launch(self, *arguments, **variables):
        done = self.run(*arguments, **variables)
        if done.returncode != 0:
            raise AssertionError(f"launcher {' '.join(arguments)} returned {done.returncode}: {done.stderr}")
        return done.stdout

    def make_token(self, role, *options):
        return json.loads(self.launch("token", "create", "--role", role, "--json", *options))["token"]

    def token_ids(self):
        return {row["name"]: row["id"] for row in json.loads(self.launch("token", "list", "--json"))}

    @property
    def certificate(self):
        return self.state / "access" / "certificate.pem"

    def tls(self):
        return ssl.create_default_context(cafile=self.certificate)

    def request(self, method, path, body=None, token=None, **headers):
        """One HTTPS request: status, headers, body as JSON where it is some."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if method == "POST":
            headers.setdefault("Content-Type", "application/json")
            body = json.dumps({} if body is None else body)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls(), timeout=20)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            text = reply.read().decode()
            is_json = reply.getheader("Content-Type") == "application/json"
            return reply.status, dict(reply.getheaders()), json.loads(text) if is_json and text else text
        finally:
            connection.close()

    def channel(self, token=None):
        credentials = grpc.ssl_channel_credentials(root_certificates=self.certificate.read_bytes())
        if token:
            credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
        return grpc.secure_channel(f"127.0.0.1:{self.port}", credentials, options=[("grpc.use_local_subchannel_pool", 1)])

    def call(self, method, token=None, message=b""):
        """The code that gRPC answers with."""
        with self.channel(token) as channel:
            try:
                channel.unary_unary(method)(message, timeout=20)
            except grpc.RpcError as error:
                return error.code(), error.details()
        return grpc.StatusCode.OK, ""

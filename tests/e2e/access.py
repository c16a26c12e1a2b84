#!/usr/bin/env python3
"""Real clients of a cluster that asks who they are: the command line, gRPC, curl, Python's TLS and HTTP.

    access.py build/dev/bin/launcher
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time
import unittest

import grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from cluster_client import free_ports
from guarded_cluster import GuardedCluster

LAUNCHER = sys.argv.pop(1)
SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse{status: SERVING}
DENIED, UNREACHABLE = 7, 5  # exit codes


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(GuardedCluster(LAUNCHER))

    def status(self, *arguments, **options):
        return self.cluster.request(*arguments, **options)[0]

    def wait_for_run(self, run_id, state):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            document = self.cluster.request("GET", "/json/status", token=self.cluster.tokens["read"])[2]
            [run] = [run for run in document["runs"] if run["run_id"] == run_id]
            if run["status"] == state:
                return
            time.sleep(0.05)
        self.fail(f"{run_id} is {run['status']}, not {state}: {run['reason']}")

    def wait_for_end_of(self, pid):
        deadline = time.monotonic() + 20
        stat = pathlib.Path(f"/proc/{pid}/stat")
        while stat.exists() and ") Z" not in stat.read_text():
            self.assertLess(time.monotonic(), deadline, "the process does not end")
            time.sleep(0.02)

    def test_nothing_is_shown_without_a_token(self):
        for path in ("/json/status", "/events", "/json/logs?run=r-0001"):
            status, headers, body = self.cluster.request("GET", path)
            self.assertEqual((status, headers["WWW-Authenticate"]), (401, "Bearer"), path)
            self.assertIn("launcher token create --role read", body["error"])
        self.assertEqual(self.status("POST", "/api/runs", {"command": ["/bin/true"]}), 401)
        self.assertEqual(self.status("GET", "/json/status", token="trm_" + "0" * 64), 401)
        self.assertEqual(self.status("GET", "/health"), 200)

    def test_http_asks_for_the_role_of_each_call(self):
        tokens = self.cluster.tokens
        expected = {("GET", "/json/status"): ("read", "submit", "admin"),
                    ("POST", "/api/runs/r-9999/cancel"): ("submit", "admin"),
                    ("POST", "/api/nodes/node9/drain"): ("admin",)}
        for (method, path), allowed in expected.items():
            for role, token in tokens.items():
                status, _, body = self.cluster.request(method, path, token=token)
                if role in allowed:
                    self.assertNotIn(status, (401, 403), (role, path))
                else:
                    self.assertEqual(status, 403, (role, path))
                    self.assertIn("this needs role", body["error"])

    def test_grpc_asks_for_the_role_of_each_call(self):
        code = grpc.StatusCode
        tokens = {"none": None, "wrong": "trm_" + "0" * 64, **self.cluster.tokens}
        run = b"\x0a\x06r-9999"
        expected = {
            "/trireme.v1.Cluster/GetStatus": ("read", "submit", "admin"),
            "/trireme.v1.Runs/List": ("read", "submit", "admin"),
            "/trireme.v1.Runs/Cancel": ("submit", "admin"),
            "/trireme.v1.Cluster/NotThereYet": ("admin",),
        }
        for method, allowed in expected.items():
            for role, token in tokens.items():
                got, details = self.cluster.call(method, token, run if method.endswith("Cancel") else b"")
                if role in ("none", "wrong"):
                    self.assertEqual(got, code.UNAUTHENTICATED, (role, method))
                elif role in allowed:
                    self.assertIn(got, (code.OK, code.NOT_FOUND, code.UNIMPLEMENTED), (role, method, details))
                else:
                    self.assertEqual(got, code.PERMISSION_DENIED, (role, method))
                    self.assertIn("this needs role", details)
        self.assertEqual(self.cluster.call("/trireme.v1.Cluster/Shutdown", tokens["submit"])[0], code.PERMISSION_DENIED)
        self.assertEqual(self.cluster.call("/trireme.v1.Agents/Connect", tokens["submit"])[0], code.PERMISSION_DENIED)

    def test_grpc_health_is_open_and_reflection_is_not(self):
        with self.cluster.channel() as channel:
            self.assertEqual(channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=20), SERVING)
            with self.assertRaises(grpc.RpcError) as raised:
                ProtoReflectionDescriptorDatabase(channel).get_services()
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
        with self.cluster.channel(self.cluster.tokens["read"]) as channel:
            self.assertIn("trireme.v1.Runs", ProtoReflectionDescriptorDatabase(channel).get_services())

    def test_a_plain_grpc_client_is_turned_away(self):
        with grpc.insecure_channel(f"127.0.0.1:{self.cluster.port}") as channel:
            with self.assertRaises(grpc.RpcError) as raised:
                channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=20)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("this port speaks TLS", raised.exception.details())
        self.assertIn("plain_grpc_turned_away", (self.cluster.state / "logs/scheduler.log").read_text())

    def test_a_revoked_token_is_no_token(self):
        token = self.cluster.make_token("read", "--name", "leaver")
        self.assertEqual(self.status("GET", "/json/status", token=token), 200)
        self.assertEqual(self.cluster.call("/trireme.v1.Runs/List", token)[0], grpc.StatusCode.OK)
        self.cluster.launch("token", "revoke", self.cluster.token_ids()["leaver"])
        self.assertEqual(self.status("GET", "/json/status", token=token), 401)
        self.assertEqual(self.cluster.call("/trireme.v1.Runs/List", token)[0], grpc.StatusCode.UNAUTHENTICATED)

    def test_streams_end_when_their_token_is_revoked(self):
        token = self.cluster.make_token("read", "--name", "watcher")
        token_id = self.cluster.token_ids()["watcher"]  # before there is a session of that name
        session = self.log_in_with(token)
        with self.cluster.channel(token) as channel:
            watch = channel.unary_stream("/trireme.v1.Cluster/WatchStatus")(b"", timeout=60)
            self.assertTrue(next(watch))
            streams = [self.events(Authorization=f"Bearer {token}"), self.events(Cookie=session)]
            others = self.events(Authorization=f"Bearer {self.cluster.tokens['read']}")
            self.cluster.launch("token", "revoke", token_id)
            revoked = time.monotonic()
            with self.assertRaises(grpc.RpcError) as raised:
                for _ in watch:
                    pass
            self.assertEqual(raised.exception.code(), grpc.StatusCode.CANCELLED)
            for stream in streams:
                while stream.readline():
                    pass
            self.assertLess(time.monotonic() - revoked, 5)
            self.cluster.launch("run", "--no-mpi", "-n", "1", "--", "/bin/true")
            self.assertTrue(others.readline())

    def test_a_token_ends_at_its_time(self):
        token = self.cluster.make_token("read", "--name", "brief", "--expires", "1m")
        self.assertEqual(self.status("GET", "/json/status", token=token), 200)
        book = self.cluster.state / "access" / "tokens.json"
        document = json.loads(book.read_text())
        [row] = [row for row in document["tokens"] if row["name"] == "brief"]
        row["expires"] = time.time() - 1  # as if a minute had passed
        changed = book.with_suffix(".test")
        changed.write_text(json.dumps(document))
        changed.rename(book)
        status, _, body = self.cluster.request("GET", "/json/status", token=token)
        self.assertEqual((status, body["error"]), (401, "the token has expired; get a new one"))
        self.assertEqual(self.cluster.call("/trireme.v1.Runs/List", token)[0], grpc.StatusCode.UNAUTHENTICATED)

    def test_other_sites_cannot_act_with_a_token_or_cookie(self):
        token = self.cluster.tokens["admin"]
        path = "/api/runs/r-9999/cancel"
        self.assertEqual(self.status("POST", path, token=token, Origin=f"https://127.0.0.1:{self.cluster.port}"), 404)
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                        {"Sec-Fetch-Site": "same-site"}, {"Origin": f"http://127.0.0.1:{self.cluster.port}"}):
            self.assertEqual(self.status("POST", path, token=token, **headers), 403, headers)
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            self.assertEqual(self.status("POST", path, token=token, **{"Content-Type": kind}), 415)

    def test_only_names_of_its_own_are_served(self):
        token = self.cluster.tokens["read"]
        for host in ("evil.example", f"evil.example:{self.cluster.port}", "127.0.0.1.evil.example"):
            self.assertEqual(self.status("GET", "/json/status", token=token, Host=host), 421, host)
        self.assertEqual(self.status("GET", "/json/status", token=token, Host="train.example.org"), 200)

    def test_pages_cannot_be_embedded(self):
        for path in ("/login", "/json/status", "/"):
            headers = self.cluster.request("GET", path, token=self.cluster.tokens["read"])[1]
            self.assertEqual(headers["X-Frame-Options"], "DENY")
            self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(headers["Cross-Origin-Resource-Policy"], "same-origin")

    def log_in(self, role="admin"):
        link = self.cluster.launch("dashboard", "--role", role).strip()
        page, code = link.split("#")
        self.assertEqual(page, f"https://127.0.0.1:{self.cluster.port}/login")
        status, headers, _ = self.cluster.request("POST", "/api/login", {"secret": code})
        self.assertEqual(status, 204)
        self.assertEqual(self.status("POST", "/api/login", {"secret": code}), 401, "a link works once")
        return headers["Set-Cookie"]

    def test_a_link_logs_a_browser_in_once(self):
        self.assertEqual(self.cluster.request("GET", "/")[1]["Location"], "/login")
        self.assertIn("login.js", self.cluster.request("GET", "/login")[2])
        cookie = self.log_in()
        for part in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age="):
            self.assertIn(part, cookie)
        session = cookie.split(";")[0]
        self.assertEqual(self.status("GET", "/", Cookie=session), 200)
        self.assertEqual(self.status("GET", "/json/status", Cookie=session), 200)
        self.assertEqual(self.status("POST", "/api/runs/r-9999/cancel", Cookie=session), 404)
        self.assertEqual(self.status("POST", "/api/runs/r-9999/cancel", Cookie=session, Origin="https://evil.example"), 403)
        self.assertEqual(self.status("POST", "/api/logout", Cookie=session), 204)
        self.assertEqual(self.status("GET", "/json/status", Cookie=session), 401)

    def test_a_link_for_reading_only_reads(self):
        session = self.log_in("read").split(";")[0]
        self.assertEqual(self.status("GET", "/json/status", Cookie=session), 200)
        self.assertEqual(self.status("POST", "/api/runs/r-9999/cancel", Cookie=session), 403)

    def log_in_with(self, secret):
        return self.cluster.request("POST", "/api/login", {"secret": secret})[1]["Set-Cookie"].split(";")[0]

    def events(self, **headers):
        """The stream of events, behind its first one."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.cluster.port, context=self.cluster.tls(), timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", "/events", headers=headers)
        reply = connection.getresponse()
        self.assertEqual(reply.getheader("Content-Type"), "text/event-stream")
        while not reply.readline().startswith(b"event: snapshot"):
            pass
        return reply

    def test_events_come_with_a_cookie_and_with_a_token(self):
        self.events(Cookie=self.log_in().split(";")[0])
        self.events(Authorization=f"Bearer {self.cluster.tokens['read']}")

    def test_plain_http_is_sent_to_https(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.cluster.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", "/status")
        reply = connection.getresponse()
        self.assertEqual((reply.status, reply.getheader("Location")), (308, f"https://127.0.0.1:{self.cluster.port}/status"))
        reply.read()
        connection.request("GET", "/json/status", headers={"Authorization": "Bearer trm_1"})
        reply = connection.getresponse()
        self.assertEqual(reply.status, 400)
        self.assertIn("revoke it", reply.read().decode())

    def test_curl_works_with_the_certificate_and_not_without(self):
        command = ["curl", "-sS", "--max-time", "20", "-H", f"Authorization: Bearer {self.cluster.tokens['read']}",
                   f"https://127.0.0.1:{self.cluster.port}/json/status"]
        done = subprocess.run([*command, "--cacert", self.cluster.certificate], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(done.stdout)["name"], "default")
        self.assertNotEqual(subprocess.run(command, capture_output=True, check=False).returncode, 0)

    def test_peers_that_stop_half_way_keep_nobody_out(self):
        peers = [socket.create_connection(("127.0.0.1", self.cluster.port)) for _ in range(40)]
        for number, peer in enumerate(peers):
            self.addCleanup(peer.close)
            peer.sendall([b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00", b"GET /"][number % 4])
        self.assertEqual(self.status("GET", "/health"), 200)

    def test_garbage_inside_tls_ends_only_itself(self):
        for garbage in (b"\x00\xff" * 100, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 50, b"HELLO\r\n\r\n"):
            for protocols in ([], ["h2"]):
                context = self.cluster.tls()
                if protocols:
                    context.set_alpn_protocols(protocols)
                with context.wrap_socket(socket.create_connection(("127.0.0.1", self.cluster.port), timeout=20),
                                         server_hostname="127.0.0.1") as peer:
                    peer.sendall(garbage)
                    try:
                        while peer.recv(4096):
                            pass
                    except (ConnectionError, ssl.SSLError):
                        pass
        self.assertEqual(self.status("GET", "/health"), 200)

    def test_tls_1_2_is_spoken_too(self):
        context = self.cluster.tls()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with context.wrap_socket(socket.create_connection(("127.0.0.1", self.cluster.port)),
                                 server_hostname="127.0.0.1") as peer:
            self.assertEqual(peer.version(), "TLSv1.2")

    def test_the_command_line_comes_with_its_own_token_or_another(self):
        cluster = self.cluster
        self.assertIn("hello", cluster.launch("run", "--no-mpi", "-n", "1", "--", "/bin/echo", "hello"))
        read = {"TRIREME_TOKEN": cluster.tokens["read"]}
        self.assertIn("node0", cluster.launch("status", **read))
        denied = cluster.run("cancel", "r-0001", **read)
        self.assertEqual(denied.returncode, DENIED, denied.stderr)
        self.assertIn("this needs role submit", denied.stderr)
        file = cluster.folder / "token"
        file.write_text(cluster.tokens["read"] + "\n")
        self.assertIn("node0", cluster.launch("--token-file", str(file), "status"))
        self.assertEqual(cluster.run("--token-file", str(file), "run", "--no-mpi", "--", "/bin/true").returncode, DENIED)
        file.write_text("trm_wrong\n")
        self.assertEqual(cluster.run("--token-file", str(file), "status").returncode, DENIED)

    def test_the_command_line_reaches_a_cluster_of_others(self):
        there = {"TRIREME_SCHEDULER": f"127.0.0.1:{self.cluster.port}", "TRIREME_CERTIFICATE": str(self.cluster.certificate),
                 "TRIREME_TOKEN": self.cluster.tokens["read"], "XDG_STATE_HOME": str(self.cluster.folder / "elsewhere")}
        self.assertIn("node0", self.cluster.launch("status", **there))
        self.assertEqual(self.cluster.run("status", **{**there, "TRIREME_TOKEN": ""}).returncode, DENIED)
        other = self.cluster.folder / "other.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "/dev/null", "-out", other],
                       check=True, capture_output=True)
        self.assertEqual(self.cluster.run("status", **{**there, "TRIREME_CERTIFICATE": str(other)}).returncode, UNREACHABLE)

    def test_the_page_starts_and_cancels_runs(self):
        submit = self.cluster.tokens["submit"]
        status, _, reply = self.cluster.request("POST", "/api/runs", {"command": ["sleep", "600"], "ranks": 1, "mpi": "off"},
                                                token=submit)
        self.assertEqual(status, 201, reply)
        self.assertEqual(reply["command"], "launcher submit -n 1 --no-mpi -- sleep 600")
        self.wait_for_run(reply["run_id"], "running")
        status, _, ended = self.cluster.request("POST", f"/api/runs/{reply['run_id']}/cancel", {"force": True}, token=submit)
        self.assertEqual((status, ended["command"]), (200, f"launcher cancel --force {reply['run_id']}"))
        self.wait_for_run(reply["run_id"], "cancelled")
        status, _, refused = self.cluster.request("POST", "/api/runs", {"command": ["no-such-program"]}, token=submit)
        self.assertEqual(status, 400)
        self.assertIn("no-such-program", refused["error"])

    def test_many_clients_at_once(self):
        token = self.cluster.tokens["read"]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            pages = [pool.submit(self.status, "GET", "/json/status", token=token) for _ in range(64)]
            calls = [pool.submit(self.cluster.call, "/trireme.v1.Runs/List", token) for _ in range(32)]
        self.assertEqual({page.result() for page in pages}, {200})
        self.assertEqual({call.result()[0] for call in calls}, {grpc.StatusCode.OK})

    def test_a_new_scheduler_knows_the_tokens_and_the_node(self):
        record = json.loads((self.cluster.state / "cluster.json").read_text())
        [pid] = [process["pid"] for process in record["processes"] if process["role"] == "scheduler"]
        session = self.log_in().split(";")[0]
        os.kill(pid, signal.SIGKILL)
        self.wait_for_end_of(pid)
        self.cluster.up()
        self.assertEqual(self.status("GET", "/json/status", token=self.cluster.tokens["read"]), 200)
        self.assertEqual(self.status("GET", "/json/status", Cookie=session), 200)
        self.assertIn("again", self.cluster.launch("run", "--no-mpi", "-n", "1", "--", "/bin/echo", "again"))

    def test_secrets_are_in_no_log(self):
        self.log_in()
        self.status("GET", "/json/status", token=self.cluster.tokens["admin"])
        own = [(self.cluster.state / "access" / name).read_text().strip() for name in ("admin.token", "node.token")]
        for file in (self.cluster.state / "logs").iterdir():
            text = file.read_text()
            for secret in (*self.cluster.tokens.values(), *own, "trm_"):
                self.assertNotIn(secret, text, file)
        for process in json.loads((self.cluster.state / "cluster.json").read_text())["processes"]:
            self.assertNotIn(b"trm_", pathlib.Path(f"/proc/{process['pid']}/cmdline").read_bytes())

    def test_wishes_that_exclude_each_other_start_nothing(self):
        for options in (["--insecure"], ["--listen", "0.0.0.0", "--secure", "--insecure"], ["--secure", "--key", "/nowhere"]):
            dask, port = free_ports(2)
            done = self.cluster.run("up", "--name", "other", "--dask-port", str(dask), "--http-port", str(port), *options)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
            self.assertFalse((self.cluster.state.parent / "other" / "cluster.json").exists())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a timeout takes the cluster down too
    unittest.main(verbosity=2)

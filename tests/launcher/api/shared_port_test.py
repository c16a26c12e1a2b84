"""gRPC from Python and HTTP from curl on the one port. Usage: shared_port_test.py FACES_DEMO"""

import concurrent.futures
import socket
import subprocess
import sys
import unittest

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from faces import Faces

PROGRAM = sys.argv.pop(1)
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EMPTY_SETTINGS = b"\0\0\0\4\0\0\0\0\0"
SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse{status: SERVING}


class SharedPort(unittest.TestCase):
    def setUp(self):
        self.faces = self.enterContext(Faces(PROGRAM, "--still"))

    def channel(self):
        # Without a subchannel pool of its own, every channel of a process shares one connection.
        options = [("grpc.use_local_subchannel_pool", 1)]
        return self.enterContext(grpc.insecure_channel(f"127.0.0.1:{self.faces.http}", options=options))

    def health(self, channel, service=b""):
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        return check(service, timeout=10)

    def curl(self, path):
        return subprocess.run(["curl", "-sS", "--max-time", "10", self.faces.url(path)], capture_output=True, check=True,
                              text=True).stdout

    def test_reflection_lists_the_services(self):
        services = ProtoReflectionDescriptorDatabase(self.channel()).get_services()
        self.assertIn("grpc.health.v1.Health", services)
        self.assertIn("grpc.reflection.v1alpha.ServerReflection", services)

    def test_reflection_describes_a_service(self):
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel()))
        service = pool.FindServiceByName("grpc.reflection.v1alpha.ServerReflection")
        self.assertEqual([method.name for method in service.methods], ["ServerReflectionInfo"])

    def test_health_is_serving(self):
        self.assertEqual(self.health(self.channel()), SERVING)

    def test_an_unknown_method_is_unimplemented(self):
        call = self.channel().unary_unary("/trireme.v1.Nothing/AtAll")
        with self.assertRaises(grpc.RpcError) as raised:
            call(b"", timeout=10)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_curl_and_grpc_take_turns(self):
        channel = self.channel()
        for _ in range(5):
            self.assertEqual(self.curl("/health"), "ok")
            self.assertEqual(self.health(channel), SERVING)

    def test_many_connections_of_both_kinds_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            healths = [pool.submit(self.health, self.channel()) for _ in range(16)]
            pages = [pool.submit(self.faces.get, "/health") for _ in range(16)]
        self.assertEqual({answer.result() for answer in healths}, {SERVING})
        self.assertEqual({page.result() for page in pages}, {"ok"})

    def test_connections_that_come_and_go_take_no_others_with_them(self):
        # A gRPC connection that says more while it is handed over leaves its readiness to the next socket.
        def grpc_that_leaves(_):
            with socket.create_connection(("127.0.0.1", self.faces.http)) as peer:
                peer.sendall(HTTP2_PREFACE)
                peer.sendall(EMPTY_SETTINGS)

        with concurrent.futures.ThreadPoolExecutor(3) as callers, concurrent.futures.ThreadPoolExecutor(3) as readers:
            gone = callers.map(grpc_that_leaves, range(1500))
            pages = readers.map(lambda _: self.faces.get("/health"), range(1500))
            self.assertEqual(set(pages), {"ok"})
            list(gone)


if __name__ == "__main__":
    unittest.main(verbosity=2)

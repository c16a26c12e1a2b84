"""Mutual TLS with an authority of its own. Usage: security_test.py SCHEDULER"""

import os
import subprocess
import tempfile
import unittest

from distributed import Client
from distributed.security import Security

from cluster import Scheduler, Worker


def increment(x):
    return x + 1


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Certificates:
    """An authority and one certificate signed by it, in a folder."""

    def __init__(self, folder, name):
        self.ca, self.key, self.certificate = (os.path.join(folder, f"{name}-{part}.pem")
                                               for part in ["ca", "key", "certificate"])
        ca_key, request = os.path.join(folder, f"{name}-ca-key.pem"), os.path.join(folder, f"{name}.csr")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name} authority", "-keyout",
                ca_key, "-out", self.ca)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", self.key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2", "-out",
                self.certificate)

    def scheduler_options(self):
        return ["--tls-ca", self.ca, "--tls-certificate", self.certificate, "--tls-key", self.key]

    def worker_options(self):
        return ["--tls-ca-file", self.ca, "--tls-cert", self.certificate, "--tls-key", self.key]

    def security(self):
        return Security(require_encryption=True, tls_ca_file=self.ca, tls_client_cert=self.certificate,
                        tls_client_key=self.key)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.own, cls.foreign = Certificates(folder, "own"), Certificates(folder, "foreign")
        cls.scheduler = Scheduler(*cls.own.scheduler_options(), protocol="tls")
        cls.addClassCleanup(cls.scheduler.close)
        for _ in range(2):
            worker = Worker(cls.scheduler.address, *cls.own.worker_options())
            cls.addClassCleanup(worker.close)

    def test_tasks_and_data(self):
        with Client(self.scheduler.address, security=self.own.security(), timeout=20) as client:
            client.wait_for_workers(2, timeout=60)
            self.assertTrue(all(address.startswith("tls://") for address in client.ncores()))
            many = range(2000)  # so busy that the workers' messages are read in rounds
            self.assertEqual(client.gather(client.map(increment, many)), [number + 1 for number in many])
            block = bytes(20_000_000)
            future = client.scatter(block)
            self.assertEqual(client.submit(len, future).result(timeout=30), len(block))
            self.assertEqual(future.result(timeout=30), block)
            self.assertEqual(len(client.run(increment, 1)), 2)

    def test_certificates_of_another_authority_are_refused(self):
        with self.assertRaises(OSError):
            Client(self.scheduler.address, security=self.foreign.security(), timeout=3)

    def test_plain_peers_are_refused(self):
        with self.assertRaises(OSError):
            Client(self.scheduler.address.replace("tls", "tcp"), timeout=3)
        with Client(self.scheduler.address, security=self.own.security(), timeout=20) as client:
            self.assertEqual(client.submit(increment, 1).result(timeout=30), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)

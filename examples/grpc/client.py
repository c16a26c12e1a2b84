"""Submits a program to a cluster and prints what it writes. Needs grpcio and grpcio-reflection, and no generated code.

    python3 client.py 127.0.0.1:8787 /bin/echo hello
"""
import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

channel = grpc.insecure_channel(sys.argv[1])
pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))


def call(service, method, **fields):
    found = pool.FindServiceByName(f"trireme.v1.{service}").methods_by_name[method]
    request, reply = map(message_factory.GetMessageClass, (found.input_type, found.output_type))
    connect = channel.unary_stream if found.server_streaming else channel.unary_unary
    return connect(f"/trireme.v1.{service}/{method}", request.SerializeToString, reply.FromString)(request(**fields))


run_id = call("Runs", "Submit", spec={"command": sys.argv[2:], "ranks": 2, "working_directory": "/"}).run_id
for chunk in call("Logs", "Read", run_id=run_id, follow=True):
    for line in chunk.lines:
        print(f"[{line.rank}] {line.text.decode()}")
print(run_id, call("Runs", "Get", run_id=run_id).status)

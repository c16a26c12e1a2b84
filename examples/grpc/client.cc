// Submits a program to a cluster and prints what it writes.
//
//   client 127.0.0.1:8787 /bin/echo hello
#include <grpcpp/grpcpp.h>

#include <iostream>

#include "trireme/v1/logs.grpc.pb.h"
#include "trireme/v1/runs.grpc.pb.h"

int main(int argc, char** argv) {
  if (argc < 3) return std::cerr << "client HOST:PORT PROGRAM…\n", 2;
  const auto channel = grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials());
  trireme::v1::SubmitRequest request;
  for (int word = 2; word < argc; ++word) request.mutable_spec()->add_command(argv[word]);
  request.mutable_spec()->set_ranks(2);
  request.mutable_spec()->set_working_directory("/");
  grpc::ClientContext submitting, reading;
  trireme::v1::SubmitReply run;
  const auto status = trireme::v1::Runs::NewStub(channel)->Submit(&submitting, request, &run);
  if (!status.ok()) return std::cerr << status.error_message() << '\n', 1;
  trireme::v1::ReadLogRequest wanted;
  wanted.set_run_id(run.run_id());
  wanted.set_follow(true);
  trireme::v1::LogChunk chunk;
  const auto log = trireme::v1::Logs::NewStub(channel)->Read(&reading, wanted);
  while (log->Read(&chunk)) {
    for (const auto& line : chunk.lines()) std::cout << '[' << line.rank() << "] " << line.text() << '\n';
  }
  return log->Finish().ok() ? 0 : 1;
}

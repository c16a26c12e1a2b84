// Calls Cluster.GetStatus over gRPC as fast as it is answered, from --threads threads with a connection each, for
// --seconds seconds after a tenth of it as warm-up. Prints {"calls_per_s", "p50_ms", "p99_ms", "bytes"}.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "trireme/v1/cluster.grpc.pb.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Calls {
  std::vector<double> milliseconds;
  std::size_t bytes = 0;  // of the last reply
};

std::shared_ptr<grpc::Channel> connect(const std::string& address, int number) {
  grpc::ChannelArguments own;
  own.SetInt("bench.connection", number);  // channels of equal arguments share one
  own.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), own);
}

Calls call_until(const std::string& address, int number, Clock::time_point begin, Clock::time_point end) {
  const auto stub = trireme::v1::Cluster::NewStub(connect(address, number));
  Calls calls;
  for (auto start = Clock::now(); start < end; start = Clock::now()) {
    grpc::ClientContext context;
    trireme::v1::ClusterStatus status;
    if (!stub->GetStatus(&context, {}, &status).ok()) std::exit(1);
    if (start < begin) continue;
    calls.milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    calls.bytes = status.ByteSizeLong();
  }
  return calls;
}

std::map<std::string, std::string> options_of(int argc, char** argv) {
  std::map<std::string, std::string> options = {{"--threads", "8"}, {"--seconds", "5"}};
  for (int word = 1; word + 1 < argc; word += 2) options[argv[word]] = argv[word + 1];
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  auto options = options_of(argc, argv);
  const double seconds = std::stod(options["--seconds"]);
  const auto nanoseconds = [](double of) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(of));
  };
  const Clock::time_point begin = Clock::now() + nanoseconds(seconds / 10);
  const Clock::time_point end = begin + nanoseconds(seconds);
  std::vector<Calls> found(std::stoul(options["--threads"]));
  {
    std::vector<std::jthread> threads;
    for (std::size_t number = 0; number < found.size(); ++number) {
      threads.emplace_back(
          [&, number] { found[number] = call_until(options["--scheduler"], static_cast<int>(number), begin, end); });
    }
  }
  std::vector<double> all;
  for (const Calls& calls : found) all.insert(all.end(), calls.milliseconds.begin(), calls.milliseconds.end());
  if (all.empty()) return 1;
  std::sort(all.begin(), all.end());
  const auto percentile = [&](double share) {
    return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
  };
  std::cout << "{\"calls_per_s\": " << static_cast<double>(all.size()) / seconds << ", \"p50_ms\": " << percentile(0.5)
            << ", \"p99_ms\": " << percentile(0.99) << ", \"bytes\": " << found.front().bytes << "}\n";
}

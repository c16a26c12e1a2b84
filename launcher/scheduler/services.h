#pragma once

#include <memory>
#include <vector>

namespace grpc {
class Service;
}

namespace trireme::launcher {

class Scheduler;

// The gRPC faces of a scheduler: trireme.v1.Cluster, Runs and Agents. Each refers to `scheduler`, which outlives it.
// Shared pointers, so that who holds one need not include gRPC.
// Streams end when `scheduler` stops or the peer hangs up.
[[nodiscard]] std::shared_ptr<grpc::Service> make_cluster_service(Scheduler& scheduler);
[[nodiscard]] std::shared_ptr<grpc::Service> make_runs_service(Scheduler& scheduler);
[[nodiscard]] std::shared_ptr<grpc::Service> make_agents_service(Scheduler& scheduler);

}  // namespace trireme::launcher

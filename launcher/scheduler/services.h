#pragma once

#include <memory>
#include <vector>

namespace grpc {
class Service;
}

namespace trireme::launcher {

class Scheduler;
class TaskSource;

// The gRPC faces of a scheduler, trireme.v1. Each refers to `scheduler`, which outlives it.
// Shared pointers, so that who holds one need not include gRPC.
// Streams end when `scheduler` stops or the peer hangs up.
[[nodiscard]] std::shared_ptr<grpc::Service> make_cluster_service(Scheduler& scheduler);
[[nodiscard]] std::shared_ptr<grpc::Service> make_nodes_service(Scheduler& scheduler);
[[nodiscard]] std::shared_ptr<grpc::Service> make_runs_service(Scheduler& scheduler);
[[nodiscard]] std::shared_ptr<grpc::Service> make_ranks_service(Scheduler& scheduler);
[[nodiscard]] std::shared_ptr<grpc::Service> make_logs_service(Scheduler& scheduler);
[[nodiscard]] std::shared_ptr<grpc::Service> make_metrics_service(Scheduler& scheduler);
// `tasks` outlives it; null: every call answers UNAVAILABLE.
[[nodiscard]] std::shared_ptr<grpc::Service> make_tasks_service(Scheduler& scheduler, const TaskSource* tasks);
[[nodiscard]] std::shared_ptr<grpc::Service> make_agents_service(Scheduler& scheduler);
// All of them.
[[nodiscard]] std::vector<std::shared_ptr<grpc::Service>> make_services(Scheduler& scheduler, const TaskSource* tasks);

}  // namespace trireme::launcher

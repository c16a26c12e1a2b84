#include "scheduler/services.h"

namespace trireme::launcher {

std::vector<std::shared_ptr<grpc::Service>> make_services(Scheduler& scheduler, const TaskSource* tasks) {
  return {make_cluster_service(scheduler),      make_nodes_service(scheduler), make_runs_service(scheduler),
          make_ranks_service(scheduler),        make_logs_service(scheduler),  make_metrics_service(scheduler),
          make_tasks_service(scheduler, tasks), make_agents_service(scheduler)};
}

}  // namespace trireme::launcher

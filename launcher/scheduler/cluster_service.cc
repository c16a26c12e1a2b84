#include <grpcpp/grpcpp.h>

#include "scheduler/convert.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "trireme/v1/cluster.grpc.pb.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::milliseconds kWatchInterval{250};

class ClusterService final : public v1::Cluster::Service {
 public:
  explicit ClusterService(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*, v1::ClusterStatus* reply) override {
    *reply = to_proto(scheduler_.snapshot());
    return grpc::Status::OK;
  }

  grpc::Status WatchStatus(grpc::ServerContext* context, const v1::WatchStatusRequest*,
                           grpc::ServerWriter<v1::ClusterStatus>* writer) override {
    std::uint64_t shown = 0;
    while (!context->IsCancelled()) {
      if (scheduler_.revision() != shown) {
        const ClusterSnapshot snapshot = scheduler_.snapshot();
        shown = snapshot.revision;
        if (!writer->Write(to_proto(snapshot))) break;
        if (snapshot.state == "stopping") break;
      }
      static_cast<void>(scheduler_.wait_until_stopped(kWatchInterval));
    }
    return grpc::Status::OK;
  }

  grpc::Status Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*, v1::ShutdownReply* reply) override {
    for (const RunView& run : scheduler_.snapshot().runs) {
      if (!run.ended) reply->add_cancelled_runs(run.run_id);
    }
    scheduler_.post(StopRequested{});
    return grpc::Status::OK;
  }

 private:
  Scheduler& scheduler_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_cluster_service(Scheduler& scheduler) {
  return std::make_shared<ClusterService>(scheduler);
}

}  // namespace trireme::launcher

#include <grpcpp/grpcpp.h>

#include "scheduler/convert.h"
#include "scheduler/paging.h"
#include "scheduler/rpc_errors.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "scheduler/status_cache.h"
#include "trireme/v1/cluster.grpc.pb.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::milliseconds kWatchWake{100};  // how soon a watch notices that its caller is gone
constexpr std::chrono::milliseconds kWatchPace{100};  // between two states
constexpr std::size_t kEventsARound = 1000;

class ClusterService final : public v1::Cluster::Service {
 public:
  explicit ClusterService(Scheduler& scheduler) : scheduler_(scheduler), status_(scheduler) {}

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*, v1::ClusterStatus* reply) override {
    *reply = *status_.get();
    return grpc::Status::OK;
  }

  grpc::Status WatchStatus(grpc::ServerContext* context, const v1::WatchStatusRequest* request,
                           grpc::ServerWriter<v1::ClusterStatus>* writer) override {
    std::uint64_t seen = request->after_revision();
    while (!context->IsCancelled()) {
      if (scheduler_.wait_for_change(seen, kWatchWake) <= seen) continue;
      const auto status = status_.get();
      seen = status->revision();
      if (!writer->Write(*status) || status->state() == "stopping") break;
      static_cast<void>(scheduler_.wait_until_stopped(kWatchPace));
    }
    return grpc::Status::OK;
  }

  grpc::Status ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                          v1::ListEventsReply* reply) override {
    const auto size = page_size(request->page_size());
    if (!size) return bad_request({"page_size", "page_size must not be negative"});
    for (const ClusterEvent& event : scheduler_.events(request->after_sequence(), *size)) {
      *reply->add_events() = to_proto(event);
    }
    return grpc::Status::OK;
  }

  grpc::Status WatchEvents(grpc::ServerContext* context, const v1::WatchEventsRequest* request,
                           grpc::ServerWriter<v1::Event>* writer) override {
    std::uint64_t seen = request->has_after_sequence() ? request->after_sequence() : scheduler_.newest_event();
    while (!context->IsCancelled()) {
      const std::uint64_t revision = scheduler_.revision();
      const bool is_stopping = scheduler_.is_stopping();
      const std::vector<ClusterEvent> events = scheduler_.events(seen, kEventsARound);
      for (const ClusterEvent& event : events) {
        seen = event.sequence;
        if (!writer->Write(to_proto(event))) return grpc::Status::OK;
      }
      if (!events.empty()) continue;
      if (is_stopping) break;
      scheduler_.wait_for_change(revision, kWatchWake);
    }
    return grpc::Status::OK;
  }

  grpc::Status Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*, v1::ShutdownReply* reply) override {
    for (const std::string& run_id : scheduler_.active_runs()) reply->add_cancelled_runs(run_id);
    scheduler_.post(StopRequested{});
    return grpc::Status::OK;
  }

 private:
  Scheduler& scheduler_;
  StatusCache status_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_cluster_service(Scheduler& scheduler) {
  return std::make_shared<ClusterService>(scheduler);
}

}  // namespace trireme::launcher

#include <grpcpp/grpcpp.h>

#include "scheduler/convert.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/v1/runs.grpc.pb.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::milliseconds kFollowInterval{200};
constexpr std::size_t kDefaultPoints = 1000;

grpc::Status no_such_run(const std::string& run_id) {
  return {grpc::StatusCode::NOT_FOUND, message("there is no run {}; see: launcher runs", run_id)};
}

class RunsService final : public v1::Runs::Service {
 public:
  explicit RunsService(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status Submit(grpc::ServerContext*, const v1::SubmitRequest* request, v1::SubmitReply* reply) override try {
    reply->set_run_id(scheduler_.submit(from_proto(request->spec())));
    return grpc::Status::OK;
  } catch (const ConfigError& error) {
    return {grpc::StatusCode::INVALID_ARGUMENT, error.what()};
  }

  grpc::Status Get(grpc::ServerContext*, const v1::GetRunRequest* request, v1::Run* reply) override {
    const std::optional<RunView> run = scheduler_.run(request->run_id());
    if (!run) return no_such_run(request->run_id());
    *reply = to_proto(*run);
    return grpc::Status::OK;
  }

  grpc::Status List(grpc::ServerContext*, const v1::ListRunsRequest*, v1::ListRunsReply* reply) override {
    for (const RunView& run : scheduler_.snapshot().runs) *reply->add_runs() = to_proto(run);
    return grpc::Status::OK;
  }

  grpc::Status Cancel(grpc::ServerContext*, const v1::CancelRequest* request, v1::CancelReply* reply) override {
    const std::optional<RunView> run = scheduler_.run(request->run_id());
    if (!run) return no_such_run(request->run_id());
    reply->set_status(run->status);
    scheduler_.post(CancelRequested{request->run_id(), request->force(), request->reason()});
    return grpc::Status::OK;
  }

  grpc::Status Follow(grpc::ServerContext* context, const v1::FollowRequest* request,
                      grpc::ServerWriter<v1::RunEvent>* writer) override {
    std::optional<RunView> run = scheduler_.run(request->run_id());
    if (!run) return no_such_run(request->run_id());
    std::string shown_status;
    std::uint64_t offset = 0;
    while (!context->IsCancelled()) {
      run = scheduler_.run(request->run_id());  // before the log: what an ended run wrote is all there then
      const LogBook::Piece piece = scheduler_.logs().read(request->run_id(), offset);
      offset = piece.next;
      if (!write_lines(*writer, piece.entries)) break;
      if (!piece.entries.empty()) continue;
      const std::string status = run->status + run->reason;
      if (status != shown_status && !write_run(*writer, *run)) break;
      shown_status = status;
      if (run->ended || !request->follow()) break;
      scheduler_.logs().wait_for_more(kFollowInterval);
    }
    return grpc::Status::OK;
  }

  grpc::Status GetMetrics(grpc::ServerContext*, const v1::GetMetricsRequest* request,
                          v1::MetricsReply* reply) override {
    if (!scheduler_.run(request->run_id())) return no_such_run(request->run_id());
    const std::size_t limit = request->limit() == 0 ? kDefaultPoints : request->limit();
    for (const MetricPoint& point : scheduler_.history(request->run_id(), limit)) {
      *reply->add_points() = to_proto(point);
    }
    return grpc::Status::OK;
  }

 private:
  static bool write_lines(grpc::ServerWriter<v1::RunEvent>& writer, const std::vector<LogEntry>& entries) {
    for (const LogEntry& entry : entries) {
      v1::RunEvent event;
      event.mutable_line()->set_rank(entry.rank);
      event.mutable_line()->set_is_error(entry.is_error);
      event.mutable_line()->set_text(entry.text);
      if (!writer.Write(event)) return false;
    }
    return true;
  }

  static bool write_run(grpc::ServerWriter<v1::RunEvent>& writer, const RunView& run) {
    v1::RunEvent event;
    *event.mutable_run() = to_proto(run);
    return writer.Write(event);
  }

  Scheduler& scheduler_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_runs_service(Scheduler& scheduler) {
  return std::make_shared<RunsService>(scheduler);
}

}  // namespace trireme::launcher

#include <grpcpp/grpcpp.h>

#include "scheduler/convert.h"
#include "scheduler/page_of.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/v1/runs.grpc.pb.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::milliseconds kFollowInterval{200};
constexpr std::size_t kDefaultPoints = 1000;

// Which field of a spec that was rejected is to blame.
std::string violated_field(const RunSpec& spec) {
  if (spec.command.empty()) return "spec.command";
  if (spec.ranks < 0 || spec.ranks > kMostRanks) return "spec.ranks";
  if (spec.follows_nodes && spec.node.empty()) return "spec.follows_nodes";
  return !spec.node.empty() && spec.nodes <= 1 ? "spec.node" : "spec.nodes";
}

int number_in(const std::string& run_id) { return std::atoi(run_id.c_str() + std::min<std::size_t>(2, run_id.size())); }

class RunsService final : public v1::Runs::Service {
 public:
  explicit RunsService(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status Submit(grpc::ServerContext*, const v1::SubmitRequest* request, v1::SubmitReply* reply) override {
    return submit(from_proto(request->spec()), reply);
  }

  grpc::Status Rerun(grpc::ServerContext*, const v1::RerunRequest* request, v1::SubmitReply* reply) override {
    if (!scheduler_.run(request->run_id())) return no_such_run(request->run_id());
    const std::optional<RunSpec> spec = scheduler_.spec(request->run_id());
    if (spec) return submit(*spec, reply);
    return rpc_error(grpc::StatusCode::FAILED_PRECONDITION, "SPEC_NOT_KEPT",
                     message("what {} was asked for was not kept; submit it again", request->run_id()),
                     {{"run_id", request->run_id()}});
  }

  grpc::Status Get(grpc::ServerContext*, const v1::GetRunRequest* request, v1::Run* reply) override {
    const std::optional<RunView> run = scheduler_.run(request->run_id());
    if (!run) return no_such_run(request->run_id());
    *reply = to_proto(*run);
    return grpc::Status::OK;
  }

  grpc::Status List(grpc::ServerContext*, const v1::ListRunsRequest* request, v1::ListRunsReply* reply) override {
    std::vector<RunView> runs = scheduler_.snapshot().runs;
    std::erase_if(runs, [&](const RunView& run) { return !is_one_of(request->statuses(), run.status); });
    const auto page = page_of(
        std::move(runs), *request, question_of("runs", request->statuses()),
        [](const RunView& run) { return run.run_id; },
        [](const RunView& run, const std::string& run_id) { return number_in(run.run_id) < number_in(run_id); });
    for (const RunView& run : page.rows) *reply->add_runs() = to_proto(run);
    reply->set_next_page_token(page.next_token);
    return page.status;
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
  grpc::Status submit(const RunSpec& spec, v1::SubmitReply* reply) try {
    if (scheduler_.is_stopping()) {
      return rpc_error(grpc::StatusCode::FAILED_PRECONDITION, "CLUSTER_STOPPING",
                       "the cluster is going down and takes no runs");
    }
    reply->set_run_id(scheduler_.submit(spec));
    return grpc::Status::OK;
  } catch (const ConfigError& error) {
    return bad_request({violated_field(spec), error.what()});
  }

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

#include "scheduler/client.h"

#include <grpcpp/grpcpp.h>

#include "scheduler/convert.h"
#include "trireme/base/message.h"
#include "trireme/v1/cluster.grpc.pb.h"
#include "trireme/v1/nodes.grpc.pb.h"
#include "trireme/v1/runs.grpc.pb.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::seconds kCallTimeout{10};

void set_deadline(grpc::ClientContext& context, std::chrono::milliseconds timeout) {
  context.set_deadline(std::chrono::system_clock::now() + timeout);
}

}  // namespace

struct SchedulerClient::State {
  std::string address;
  std::unique_ptr<v1::Cluster::Stub> cluster;
  std::unique_ptr<v1::Nodes::Stub> nodes;
  std::unique_ptr<v1::Runs::Stub> runs;

  void check(const grpc::Status& status) const {
    if (status.ok()) return;
    switch (status.error_code()) {
      case grpc::StatusCode::NOT_FOUND:
        throw NotFoundError(status.error_message());
      case grpc::StatusCode::INVALID_ARGUMENT:
      case grpc::StatusCode::FAILED_PRECONDITION:
        throw ConfigError(status.error_message());
      case grpc::StatusCode::UNAUTHENTICATED:
      case grpc::StatusCode::PERMISSION_DENIED:
        throw AccessError(status.error_message());
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        throw UnreachableError(message("the scheduler at {} did not answer in time", address));
      default:
        throw UnreachableError(message(
            "the scheduler at {} does not answer ({}); if it ended, its nodes and runs go on: launcher up starts "
            "it again, launcher down ends them",
            address, status.error_message()));
    }
  }
};

SchedulerClient::SchedulerClient(const std::string& address, const ClientAccess& access)
    : state_(std::make_unique<State>()) {
  state_->address = address;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // a long history is larger than gRPC's 4 MiB
  const auto channel = open_channel(address, access, arguments);
  state_->cluster = v1::Cluster::NewStub(channel);
  state_->nodes = v1::Nodes::NewStub(channel);
  state_->runs = v1::Runs::NewStub(channel);
}

SchedulerClient::~SchedulerClient() = default;

ClusterSnapshot SchedulerClient::status(std::chrono::milliseconds timeout) {
  grpc::ClientContext context;
  set_deadline(context, timeout);
  v1::ClusterStatus reply;
  state_->check(state_->cluster->GetStatus(&context, {}, &reply));
  return from_proto(reply);
}

void SchedulerClient::watch_status(const std::function<bool(const ClusterSnapshot&)>& on_status) {
  grpc::ClientContext context;
  const auto reader = state_->cluster->WatchStatus(&context, {});
  v1::ClusterStatus reply;
  while (reader->Read(&reply)) {
    if (on_status(from_proto(reply))) continue;
    context.TryCancel();
    static_cast<void>(reader->Finish());
    return;
  }
  state_->check(reader->Finish());
}

std::vector<std::string> SchedulerClient::shut_down() {
  grpc::ClientContext context;
  set_deadline(context, kCallTimeout);
  v1::ShutdownRequest request;
  request.set_reason("launcher down");
  v1::ShutdownReply reply;
  state_->check(state_->cluster->Shutdown(&context, request, &reply));
  return {reply.cancelled_runs().begin(), reply.cancelled_runs().end()};
}

std::string SchedulerClient::submit(const RunSpec& spec) {
  grpc::ClientContext context;
  set_deadline(context, kCallTimeout);
  v1::SubmitRequest request;
  *request.mutable_spec() = to_proto(spec);
  v1::SubmitReply reply;
  state_->check(state_->runs->Submit(&context, request, &reply));
  return reply.run_id();
}

RunView SchedulerClient::run(const std::string& run_id) {
  grpc::ClientContext context;
  set_deadline(context, kCallTimeout);
  v1::GetRunRequest request;
  request.set_run_id(run_id);
  v1::Run reply;
  state_->check(state_->runs->Get(&context, request, &reply));
  return from_proto(reply);
}

std::string SchedulerClient::rerun(const std::string& run_id) {
  grpc::ClientContext context;
  set_deadline(context, kCallTimeout);
  v1::RerunRequest request;
  request.set_run_id(run_id);
  v1::SubmitReply reply;
  state_->check(state_->runs->Rerun(&context, request, &reply));
  return reply.run_id();
}

std::vector<RunView> SchedulerClient::runs() {
  std::vector<RunView> runs;
  v1::ListRunsRequest request;
  do {
    grpc::ClientContext context;
    set_deadline(context, kCallTimeout);
    v1::ListRunsReply reply;
    state_->check(state_->runs->List(&context, request, &reply));
    for (const v1::Run& run : reply.runs()) runs.push_back(from_proto(run));
    request.set_page_token(reply.next_page_token());
  } while (!request.page_token().empty());
  return runs;
}

std::string SchedulerClient::cancel(const std::string& run_id, bool force, const std::string& reason) {
  grpc::ClientContext context;
  set_deadline(context, kCallTimeout);
  v1::CancelRequest request;
  request.set_run_id(run_id);
  request.set_force(force);
  request.set_reason(reason);
  v1::CancelReply reply;
  state_->check(state_->runs->Cancel(&context, request, &reply));
  return reply.status();
}

std::vector<MetricPoint> SchedulerClient::metrics(const std::string& run_id) {
  grpc::ClientContext context;
  set_deadline(context, kCallTimeout);
  v1::GetMetricsRequest request;
  request.set_run_id(run_id);
  v1::MetricsReply reply;
  state_->check(state_->runs->GetMetrics(&context, request, &reply));
  std::vector<MetricPoint> points;
  for (const v1::MetricPoint& point : reply.points()) points.push_back(from_proto(point, run_id));
  return points;
}

NodeView SchedulerClient::drain(const std::string& node, std::optional<double> cancel_after) {
  grpc::ClientContext context;
  set_deadline(context, kCallTimeout);
  v1::DrainRequest request;
  request.set_name(node);
  if (cancel_after) request.set_cancel_after(*cancel_after);
  v1::Node reply;
  state_->check(state_->nodes->Drain(&context, request, &reply));
  return from_proto(reply);
}

NodeView SchedulerClient::undrain(const std::string& node) {
  grpc::ClientContext context;
  set_deadline(context, kCallTimeout);
  v1::UndrainRequest request;
  request.set_name(node);
  v1::Node reply;
  state_->check(state_->nodes->Undrain(&context, request, &reply));
  return from_proto(reply);
}

void SchedulerClient::remove_node(const std::string& node) {
  grpc::ClientContext context;
  set_deadline(context, kCallTimeout);
  v1::RemoveNodeRequest request;
  request.set_name(node);
  v1::RemoveNodeReply reply;
  state_->check(state_->nodes->Remove(&context, request, &reply));
}

void SchedulerClient::follow(const std::string& run_id, bool until_end, const Follower& follower) {
  grpc::ClientContext context;
  v1::FollowRequest request;
  request.set_run_id(run_id);
  request.set_follow(until_end);
  const auto reader = state_->runs->Follow(&context, request);
  v1::RunEvent event;
  while (reader->Read(&event)) {
    if (event.has_line() && follower.on_line) {
      follower.on_line({event.line().rank(), event.line().is_error(), event.line().text()});
    } else if (event.has_run() && follower.on_run) {
      follower.on_run(from_proto(event.run()));
    }
  }
  state_->check(reader->Finish());
}

}  // namespace trireme::launcher

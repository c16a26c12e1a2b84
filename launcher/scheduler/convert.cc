#include "scheduler/convert.h"

#include "trireme/base/error.h"

namespace trireme::launcher {

namespace {

v1::Insight to_proto(const RunInsight& view) {
  v1::Insight insight;
  insight.set_condition(to_string(view.condition));
  insight.set_headline(view.headline);
  insight.set_advice(view.advice);
  insight.mutable_suspects()->Assign(view.suspects.begin(), view.suspects.end());
  if (view.stalled) insight.set_stalled(*view.stalled);
  if (view.efficiency) insight.set_efficiency(*view.efficiency);
  if (view.exposed) insight.set_exposed(*view.exposed);
  if (view.straggling) insight.set_straggling(*view.straggling);
  if (view.remaining) insight.set_remaining(*view.remaining);
  if (view.step) insight.set_step(*view.step);
  if (view.total_steps) insight.set_total_steps(*view.total_steps);
  insight.set_node_seconds(view.node_seconds);
  return insight;
}

RunInsight from_proto(const v1::Insight& insight) {
  RunInsight view;
  view.condition = condition_of(insight.condition());
  view.headline = insight.headline();
  view.advice = insight.advice();
  view.suspects.assign(insight.suspects().begin(), insight.suspects().end());
  if (insight.has_stalled()) view.stalled = insight.stalled();
  if (insight.has_efficiency()) view.efficiency = insight.efficiency();
  if (insight.has_exposed()) view.exposed = insight.exposed();
  if (insight.has_straggling()) view.straggling = insight.straggling();
  if (insight.has_remaining()) view.remaining = insight.remaining();
  if (insight.has_step()) view.step = insight.step();
  if (insight.has_total_steps()) view.total_steps = insight.total_steps();
  view.node_seconds = insight.node_seconds();
  return view;
}

RankView from_proto(const v1::Rank& rank) {
  RankView view;
  view.rank = rank.rank();
  view.node = rank.node();
  view.state = rank.state();
  if (rank.has_exit_code()) view.exit_code = rank.exit_code();
  view.exit_cause = rank.exit_cause();
  if (!rank.status_json().empty()) view.status = parse_status_record(rank.status_json());
  view.last_errors.assign(rank.last_errors().begin(), rank.last_errors().end());
  view.progressed = rank.progressed();
  view.pace_ms = rank.pace_ms();
  view.busy_ms = rank.busy_ms();
  return view;
}

}  // namespace

v1::Node to_proto(const NodeView& view) {
  v1::Node node;
  node.set_name(view.name);
  node.set_state(view.state);
  node.set_host(view.host);
  node.set_ranks(view.ranks);
  node.set_gpus(view.gpus);
  node.set_last_seen(view.last_seen);
  return node;
}

NodeView from_proto(const v1::Node& node) {
  return {node.name(), node.state(), node.host(), node.ranks(), node.gpus(), node.last_seen()};
}

v1::Rank to_proto(const RankView& view) {
  v1::Rank rank;
  rank.set_rank(view.rank);
  rank.set_node(view.node);
  rank.set_state(view.state);
  if (view.exit_code) rank.set_exit_code(*view.exit_code);
  rank.set_exit_cause(view.exit_cause);
  if (view.status) rank.set_status_json(to_json_line(*view.status));
  for (const std::string& line : view.last_errors) rank.add_last_errors(line);
  rank.set_progressed(view.progressed);
  rank.set_pace_ms(view.pace_ms);
  rank.set_busy_ms(view.busy_ms);
  return rank;
}

v1::Event to_proto(const ClusterEvent& event) {
  v1::Event message;
  message.set_sequence(event.sequence);
  message.set_time(event.time);
  message.set_kind(event.kind);
  message.set_node(event.node);
  message.set_run_id(event.run_id);
  message.set_text(event.text);
  return message;
}

v1::RunSpec to_proto(const RunSpec& spec) {
  v1::RunSpec message;
  message.set_name(spec.name);
  for (const std::string& word : spec.command) message.add_command(word);
  message.set_ranks(spec.ranks);
  message.set_nodes(spec.nodes);
  message.set_node(spec.node);
  message.set_follows_nodes(spec.follows_nodes);
  message.set_mpi(spec.starter == Starter::kMpirun ? v1::MPI_ON : v1::MPI_OFF);
  message.set_gpu_use(static_cast<v1::GpuUse>(spec.gpu_use));
  message.set_working_directory(spec.working_directory);
  message.mutable_environment()->insert(spec.environment.begin(), spec.environment.end());
  return message;
}

RunSpec from_proto(const v1::RunSpec& message) {
  RunSpec spec;
  spec.name = message.name();
  spec.command.assign(message.command().begin(), message.command().end());
  spec.ranks = message.ranks();
  spec.nodes = message.nodes();
  spec.node = message.node();
  spec.follows_nodes = message.follows_nodes();
  spec.starter = message.mpi() == v1::MPI_ON ? Starter::kMpirun : Starter::kAgents;
  spec.gpu_use = message.gpu_use() == v1::GPU_USE_EXCLUSIVE ? GpuUse::kExclusive
                 : message.gpu_use() == v1::GPU_USE_SHARED  ? GpuUse::kShared
                                                            : GpuUse::kOrdinary;
  spec.working_directory = message.working_directory();
  spec.environment.insert(message.environment().begin(), message.environment().end());
  return spec;
}

v1::Run to_proto(const RunView& view) {
  v1::Run run;
  run.set_run_id(view.run_id);
  run.set_name(view.name);
  run.set_status(view.status);
  if (view.exit_code) run.set_exit_code(*view.exit_code);
  run.set_reason(view.reason);
  for (const std::string& word : view.command) run.add_command(word);
  run.set_ranks(view.ranks);
  for (const std::string& node : view.nodes) run.add_nodes(node);
  run.set_submitted(view.submitted);
  if (view.started) run.set_started(*view.started);
  if (view.ended) run.set_ended(*view.ended);
  run.mutable_metrics()->insert(view.metrics.begin(), view.metrics.end());
  for (const RankView& rank : view.rank_views) *run.add_rank_views() = to_proto(rank);
  *run.mutable_insight() = to_proto(view.insight);
  run.set_folder(view.folder);
  run.set_follows_nodes(view.follows_nodes);
  return run;
}

RunView from_proto(const v1::Run& run) {
  RunView view;
  view.run_id = run.run_id();
  view.name = run.name();
  view.status = run.status();
  if (run.has_exit_code()) view.exit_code = run.exit_code();
  view.reason = run.reason();
  view.command.assign(run.command().begin(), run.command().end());
  view.ranks = run.ranks();
  view.nodes.assign(run.nodes().begin(), run.nodes().end());
  view.submitted = run.submitted();
  if (run.has_started()) view.started = run.started();
  if (run.has_ended()) view.ended = run.ended();
  view.metrics.insert(run.metrics().begin(), run.metrics().end());
  for (const v1::Rank& rank : run.rank_views()) view.rank_views.push_back(from_proto(rank));
  view.insight = from_proto(run.insight());
  view.folder = run.folder();
  view.follows_nodes = run.follows_nodes();
  return view;
}

v1::ClusterStatus to_proto(const ClusterSnapshot& snapshot) {
  v1::ClusterStatus status;
  status.set_revision(snapshot.revision);
  status.set_name(snapshot.name);
  status.set_state(snapshot.state);
  status.set_provider(snapshot.provider);
  status.set_host(snapshot.host);
  status.set_dask_port(snapshot.dask_port);
  status.set_http_port(snapshot.http_port);
  status.set_started(snapshot.started);
  for (const NodeView& node : snapshot.nodes) *status.add_nodes() = to_proto(node);
  for (const RunView& run : snapshot.runs) *status.add_runs() = to_proto(run);
  return status;
}

ClusterSnapshot from_proto(const v1::ClusterStatus& status) {
  ClusterSnapshot snapshot;
  snapshot.revision = status.revision();
  snapshot.name = status.name();
  snapshot.state = status.state();
  snapshot.provider = status.provider();
  snapshot.host = status.host();
  snapshot.dask_port = static_cast<std::uint16_t>(status.dask_port());
  snapshot.http_port = static_cast<std::uint16_t>(status.http_port());
  snapshot.started = status.started();
  for (const v1::Node& node : status.nodes()) snapshot.nodes.push_back(from_proto(node));
  for (const v1::Run& run : status.runs()) snapshot.runs.push_back(from_proto(run));
  return snapshot;
}

v1::MetricPoint to_proto(const MetricPoint& point) {
  v1::MetricPoint message;
  message.set_rank(point.rank);
  message.set_time(point.time);
  message.set_step(point.step);
  message.mutable_metrics()->insert(point.metrics.begin(), point.metrics.end());
  message.mutable_low()->insert(point.low.begin(), point.low.end());
  message.mutable_high()->insert(point.high.begin(), point.high.end());
  return message;
}

MetricPoint from_proto(const v1::MetricPoint& message, const std::string& run_id) {
  MetricPoint point{run_id, message.rank(), message.time(), message.step(), {}};
  point.metrics.insert(message.metrics().begin(), message.metrics().end());
  point.low.insert(message.low().begin(), message.low().end());
  point.high.insert(message.high().begin(), message.high().end());
  return point;
}

}  // namespace trireme::launcher

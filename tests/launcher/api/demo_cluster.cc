#include "demo_cluster.h"

#include <chrono>
#include <cmath>
#include <random>

#include <fmt/format.h>

namespace trireme::launcher {

namespace {

constexpr int kTotalSteps = 5000;
constexpr int kNodes = 4;
constexpr const char* kLiveRun = "r-0007";

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// The same noise for the same step, so that pictures can be compared.
double noise(int step, int rank) {
  std::minstd_rand random(static_cast<unsigned>(step * 31 + rank * 7 + 1));
  random.discard(3);
  return std::uniform_real_distribution<double>(-1, 1)(random);
}

std::map<std::string, double> metrics_of(int step, int rank) {
  const double trend = 1.42 + 4.1 * std::exp(-step / 90.0) + 0.35 * std::exp(-step / 700.0);
  const double slow = step % 97 < 3 ? 14 : 0;
  const double step_ms = 49 + 3 * noise(step, rank) + slow;
  std::map<std::string, double> metrics = {{"loss", trend + 0.05 * noise(step, 99)},
                                           {"step_ms", step_ms},
                                           {"tokens_per_s", 8 * 256 * 1000.0 / step_ms},
                                           {"exposed_comm_ms", 1.6 + 0.7 * noise(step, rank + 50) + slow / 2},
                                           {"straggler_ms", 1.1 + 0.5 * noise(step, rank + 70)},
                                           {"memory_mib", 640 + 20 * noise(1, rank)},
                                           {"model_state_mib", 165},
                                           {"reduced_mib", 41.2},
                                           {"learning_rate", 6e-4}};
  if (step % 100 == 0) metrics["val_loss"] = trend + 0.09;
  return metrics;
}

RankView rank_view(int rank, int step) {
  StatusRecord status{.run_id = kLiveRun,
                      .rank = rank,
                      .time = now(),
                      .phase = "train",
                      .step = rank == 3 ? step - 2 : step,
                      .total_steps = kTotalSteps,
                      .metrics = metrics_of(step, rank),
                      .collective = CollectiveStatus{.sequence = static_cast<std::uint64_t>(step) * 5,
                                                     .op = "all_reduce",
                                                     .bytes = 4 << 20,
                                                     .communicator = "world",
                                                     .is_running = rank != 3}};
  return {.rank = rank,
          .node = fmt::format("node{}", rank % kNodes),
          .state = "running",
          .status = status,
          .progressed = now(),
          .pace_ms = 49,
          .busy_ms = 46 + 2 * noise(2, rank)};
}

RunView live_run(int ranks) {
  RunView run{.run_id = kLiveRun, .name = "train_gpt2", .status = "running", .ranks = ranks};
  run.command = {"/opt/trireme/bin/train_gpt2", "--data", "bible.bin", "--steps", "5000", "--model", "small"};
  run.nodes = {"node0", "node1", "node2", "node3"};
  run.submitted = now() - 70;
  run.started = now() - 68;
  return run;
}

RunView ended_run(int number, std::string status, int ranks, double loss, std::string reason) {
  RunView run{.run_id = fmt::format("r-{:04}", number), .name = "train_gpt2", .status = std::move(status)};
  run.exit_code = run.status == "succeeded" ? 0 : 137;
  run.reason = std::move(reason);
  run.command = {"./train_gpt2", "--data", "bible.bin"};
  run.ranks = ranks;
  for (int node = 0; node < ranks; ++node) run.nodes.push_back(fmt::format("node{}", node));
  run.submitted = now() - 7000 + number * 600;
  run.started = run.submitted + 1;
  run.ended = *run.started + 97 * ranks;
  run.metrics = {{"loss", loss}, {"val_loss", loss + 0.08}, {"tokens_per_s", 21000.0 * ranks}, {"step_ms", 48}};
  return run;
}

std::vector<RunView> all_runs(int ranks) {
  RunView queued{
      .run_id = "r-0008", .name = "generate_gpt2", .status = "queued", .command = {"./generate_gpt2"}, .ranks = 4};
  queued.submitted = now() - 20;
  RunView failed = ended_run(5, "failed", 4, 2.318, "rank 2 on node2 was killed by signal 9 (SIGKILL)");
  for (int rank = 0; rank < 4; ++rank) {
    failed.rank_views.push_back({.rank = rank,
                                 .node = fmt::format("node{}", rank),
                                 .state = "exited",
                                 .exit_code = rank == 2 ? 137 : 1,
                                 .exit_cause = rank == 2 ? "killed by signal 9 (SIGKILL)" : "exited with 1"});
  }
  return {queued,
          live_run(ranks),
          ended_run(6, "succeeded", 4, 1.588, ""),
          failed,
          ended_run(4, "cancelled", 2, 3.004, ""),
          ended_run(3, "succeeded", 2, 1.612, ""),
          ended_run(2, "succeeded", 1, 1.597, "")};
}

void add_line(FakeSource& source, int step) {
  const auto metrics = metrics_of(step, 0);
  source.add_line(kLiveRun,
                  fmt::format("[0] step {:4} of {} loss {:.3f} tokens/s {:.0f} step {:.1f} ms exposed {:.1f} ms", step,
                              kTotalSteps, metrics.at("loss"), metrics.at("tokens_per_s"), metrics.at("step_ms"),
                              metrics.at("exposed_comm_ms")));
}

}  // namespace

void show_empty_cluster(FakeSource& source) {
  source.update([](ClusterSnapshot& cluster) {
    cluster = {.revision = cluster.revision,
               .name = "default",
               .state = "starting",
               .provider = "local",
               .started = now() - 3};
  });
}

void show_busy_cluster(FakeSource& source, int steps, int ranks) {
  source.update([ranks](ClusterSnapshot& cluster) {
    cluster = {
        .revision = cluster.revision, .name = "default", .state = "up", .provider = "local", .started = now() - 8130};
    for (int node = 0; node < kNodes; ++node) {
      cluster.nodes.push_back({.name = fmt::format("node{}", node),
                               .state = "up",
                               .host = "127.0.0.1",
                               .ranks = ranks / kNodes,
                               .last_seen = now()});
    }
    cluster.runs = all_runs(ranks);
  });
  source.add_line(kLiveRun, "[0] GPT-2 small: 10.8 M parameters, 4 ranks on 4 nodes, backend tcp");
  for (int step = 1; step <= steps; ++step) make_step(source, step);
}

void make_step(FakeSource& source, int step) {
  source.add_point({.run_id = kLiveRun, .time = now() + step * 1e-6, .step = step, .metrics = metrics_of(step, 0)});
  if (step % 10 == 0) add_line(source, step);
  source.update([&](ClusterSnapshot& cluster) {
    RunView& run = cluster.runs.at(1);
    for (const auto& [name, value] : metrics_of(step, 0)) run.metrics[name] = value;
    run.rank_views.clear();
    for (int rank = 0; rank < run.ranks; ++rank) run.rank_views.push_back(rank_view(rank, step));
    for (NodeView& node : cluster.nodes) node.last_seen = now();
  });
}

}  // namespace trireme::launcher

// What a task costs: time is printed, memory is held to a bound.
#include <malloc.h>

#include <chrono>
#include <deque>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dask/tasks/task_scheduler.h"
#include "launcher/dask/tasks/text_key.h"

namespace trireme::launcher::dask {
namespace {

struct Sent {
  std::uint32_t worker;
  std::int64_t run_id;
  const Key* key;
};

// Remembers what was sent, as cheaply as can be.
class SentTasks : public Effects {
 public:
  std::deque<Sent> sent;
  std::uint64_t frees = 0;
  std::uint64_t in_memory = 0;

  void compute(std::string_view worker, const Computation& task) override {
    sent.push_back({static_cast<std::uint32_t>(std::stoul(std::string(worker.substr(1)))), task.run_id, &task.key});
  }
  void free_keys(std::string_view, std::span<const Key> keys) override { frees += keys.size(); }
  void remove_replicas(std::string_view, std::span<const Key>) override {}
  void request_steal(std::string_view, const Key&, std::string_view) override {}
  void refresh_who_has(std::string_view, const Key&, std::span<const std::string_view>) override {}
  void tell_worker_gone(std::string_view, std::string_view) override {}
  void fail_shuffle(std::string_view, std::string_view, std::int64_t, std::string_view) override {}
  void key_in_memory(std::string_view, const Key&, const Bytes&) override { ++in_memory; }
  void task_erred(std::string_view, const Key&, const Opaque&, const Opaque&) override {}
  void lost_data(std::string_view, const Key&) override {}
  void cancelled_keys(std::string_view, std::span<const Key>, std::string_view) override {}
  void task_retried(std::string_view, const Key&) override {}
};

class DaskTaskScale : public ::testing::Test {
 protected:
  void add_workers(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string address = "w" + std::to_string(i);
      scheduler_.add_worker({.address = address, .name = address, .host = "h", .threads = 1}, now_);
      scheduler_.set_worker_status(address, WorkerStatus::kRunning, now_);
      addresses_.push_back(address);
    }
  }

  Graph independent(std::size_t tasks) {
    Graph graph{.client = "client"};
    for (std::size_t i = 0; i < tasks; ++i) {
      graph.tasks.push_back({.key = text_key(fmt::format("inc-{:032x}", i)),
                             .run_spec = Bytes(std::string(250, 'x')),
                             .order = static_cast<std::int64_t>(i)});
      graph.wanted.push_back(graph.tasks.back().key);
    }
    return graph;
  }

  // A binary tree: leaves, then sums of two.
  Graph tree(std::size_t leaves) {
    Graph graph{.client = "client"};
    std::vector<Key> layer;
    for (std::size_t i = 0; i < leaves; ++i) {
      layer.push_back(text_key(fmt::format("leaf-{:032x}", i)));
      graph.tasks.push_back({.key = layer.back(), .run_spec = Bytes(std::string("x")), .order = order(graph)});
    }
    while (layer.size() > 1) {
      std::vector<Key> next;
      for (std::size_t i = 0; i + 1 < layer.size(); i += 2) {
        next.push_back(text_key(fmt::format("sum-{:024x}{:08x}", layer.size(), i)));
        graph.tasks.push_back({.key = next.back(),
                               .dependencies = {layer[i], layer[i + 1]},
                               .run_spec = Bytes(std::string("x")),
                               .order = order(graph)});
      }
      layer = std::move(next);
    }
    graph.wanted = layer;
    return graph;
  }

  static std::int64_t order(const Graph& graph) { return static_cast<std::int64_t>(graph.tasks.size()); }

  // Finishes what was sent until nothing is; returns how many tasks that were.
  std::size_t finish_all() {
    std::size_t finished = 0;
    TaskResult result{
        .bytes = 28, .type = Bytes(std::string("int")), .type_name = "int", .started = 1, .stopped = 1.0001};
    for (; !effects_.sent.empty(); ++finished) {
      const Sent task = effects_.sent.front();
      effects_.sent.pop_front();
      result.key = *task.key;
      result.run_id = task.run_id;
      now_ += 1e-6;
      scheduler_.task_finished(addresses_[task.worker], result, now_);
    }
    return finished;
  }

  static std::size_t heap_bytes() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

  template <class Action>
  double seconds_of(Action action) {
    const auto start = std::chrono::steady_clock::now();
    action();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  // Prints what submitting, running and releasing costs a task.
  void run(const char* name, const Graph& graph) {
    const auto tasks = static_cast<double>(graph.tasks.size());
    const double submit = seconds_of([&] { scheduler_.update_graph(graph, now_); });
    std::size_t finished = 0;
    const double finish = seconds_of([&] { finished = finish_all(); });
    EXPECT_EQ(finished, graph.tasks.size());
    EXPECT_EQ(effects_.in_memory, graph.wanted.size());
    const double release = seconds_of([&] { scheduler_.release_keys("client", graph.wanted, now_); });
    EXPECT_EQ(scheduler_.counts(), TaskCounts());
    std::cout << fmt::format("{}, {} workers: {:.2f} us submit, {:.2f} us finish, {:.2f} us release a task\n", name,
                             addresses_.size(), submit / tasks * 1e6, finish / tasks * 1e6, release / tasks * 1e6);
  }

  double now_ = 1;
  SentTasks effects_;
  TaskScheduler scheduler_{effects_};
  std::vector<std::string> addresses_;
};

TEST_F(DaskTaskScale, PrintsTheCostOfIndependentTasks) {
  scheduler_.add_client("client");
  add_workers(16);
  run("100,000 independent tasks", independent(100'000));
}

TEST_F(DaskTaskScale, PrintsTheCostOfATreeOnAThousandWorkers) {
  scheduler_.add_client("client");
  add_workers(1000);
  run("a tree of 131,071 tasks", tree(65'536));
}

TEST_F(DaskTaskScale, HoldsAMillionTasksInLessThanAGigabyte) {
  constexpr std::size_t kTasks = 1'000'000;
  scheduler_.add_client("client");
  add_workers(1000);
  const std::size_t before = heap_bytes();
  {
    const Graph graph = independent(kTasks);
    const double submit = seconds_of([&] { scheduler_.update_graph(graph, now_); });
    std::cout << fmt::format("1,000,000 tasks: {:.2f} us a task to submit\n", submit / kTasks * 1e6);
  }
  const std::size_t queued = (heap_bytes() - before) / kTasks;
  const double finish = seconds_of([&] { EXPECT_EQ(finish_all(), kTasks); });
  const std::size_t in_memory = (heap_bytes() - before) / kTasks;
  std::cout << fmt::format("1,000,000 tasks: {:.2f} us a task to finish; {} bytes queued, {} bytes in memory, each\n",
                           finish / kTasks * 1e6, queued, in_memory);
  // With a run_spec of 250 bytes in each.
  EXPECT_LT(queued, 1000U);
  EXPECT_LT(in_memory, 1000U);
}

}  // namespace
}  // namespace trireme::launcher::dask

#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dask/tasks/task_scheduler.h"
#include "launcher/dask/tasks/text_key.h"

namespace trireme::launcher::dask {

// What the scheduler said, as lines: "compute w1 x", "free w1 x y", "memory alice x", "erred alice x: boom", …
class Told : public Effects {
 public:
  // All lines since the last call.
  std::vector<std::string> take() { return std::exchange(lines_, {}); }
  // The run of a task that was sent last.
  [[nodiscard]] std::int64_t run_of(const std::string& task) const { return runs_.at(task); }
  [[nodiscard]] Priority priority_of(const std::string& task) const { return priorities_.at(task); }
  [[nodiscard]] const std::string& stimulus() const { return stimulus_; }
  // "b:w1+w2" for each input of the task that was sent last.
  [[nodiscard]] const std::vector<std::string>& inputs() const { return inputs_; }

  void compute(std::string_view worker, const Computation& task) override;
  void free_keys(std::string_view worker, std::span<const Key> keys) override;
  void remove_replicas(std::string_view worker, std::span<const Key> keys) override;
  void request_steal(std::string_view worker, const Key& key, std::string_view stimulus) override;
  void refresh_who_has(std::string_view worker, const Key& key, std::span<const std::string_view> holders) override;
  void tell_worker_gone(std::string_view worker, std::string_view gone) override;
  void fail_shuffle(std::string_view worker, std::string_view shuffle, std::int64_t run, std::string_view why) override;
  void key_in_memory(std::string_view client, const Key& key, const Bytes& type) override;
  void task_erred(std::string_view client, const Key& key, const Opaque& exception, const Opaque& traceback) override;
  void lost_data(std::string_view client, const Key& key) override;
  void cancelled_keys(std::string_view client, std::span<const Key> keys, std::string_view reason) override;
  void task_retried(std::string_view client, const Key& key) override;

 private:
  void say(std::string_view what, std::string_view whom, std::span<const Key> keys, const std::string& more = {});

  std::vector<std::string> lines_;
  std::vector<std::string> inputs_;
  std::map<std::string, std::int64_t> runs_;
  std::map<std::string, Priority> priorities_;
  std::string stimulus_;
};

// A task scheduler and short words for its events. Every event is followed by a look at all invariants.
class SmallCluster : public ::testing::Test {
 protected:
  struct NewTask {
    std::string name;
    std::vector<std::string> inputs = {};
    Annotations annotations = {};
    bool actor = false;
  };
  using Lines = std::vector<std::string>;

  SmallCluster() : SmallCluster(PlacementSettings{}) {}
  explicit SmallCluster(const PlacementSettings& settings);
  void TearDown() override { check(); }

  // ---- events; they return what was said
  Lines join(const std::string& name, WorkerInfo info = {});  // and runs
  Lines die(const std::string& worker, bool expected = false);
  Lines set_status(const std::string& worker, WorkerStatus status);
  Lines submit(const std::string& client, const std::vector<NewTask>& tasks, const Lines& wanted,
               const std::vector<ShuffleSpec>& shuffles = {});
  Lines finish(const std::string& worker, const std::string& task, double seconds = 0, std::int64_t bytes = 100);
  Lines finish_run(const std::string& worker, const std::string& task, std::int64_t run);
  Lines err(const std::string& worker, const std::string& task, const std::string& exception);
  Lines release(const std::string& client, const Lines& tasks);
  Lines desire(const std::string& holder, const Lines& tasks);
  Lines cancel(const std::string& client, const Lines& tasks, bool force = false);
  Lines scatter(const std::string& client, const std::string& name, const Lines& workers, std::int64_t bytes = 100);
  Lines tick(double seconds);
  Lines said();

  [[nodiscard]] std::string state_of(const std::string& task) const;
  [[nodiscard]] static std::vector<Key> keys_of(const Lines& names);
  [[nodiscard]] std::size_t known() const;
  void check();

  double now_ = 100;
  Told told_;
  TaskScheduler scheduler_;
};

}  // namespace trireme::launcher::dask

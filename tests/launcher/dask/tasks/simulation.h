#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dask/tasks/task_scheduler.h"
#include "launcher/dask/tasks/model_worker.h"

namespace trireme::launcher::dask::simulation {

// A cluster in miniature: the task scheduler, model workers and clients, on a clock that the simulation turns, with
// chance from a seed. Checks all invariants after every event, and what the scheduler says while it says it.
//
// Clients submit chains, trees, reductions, shuffles and loose tasks, scatter data, want each other's keys, release,
// cancel and retry them, and come and go. Workers join, pause, are told to leave, lose data, repeat themselves, and die
// whenever they like. drain() lets all this end: everything wanted must come to be, or fail for a reason that was told,
// and nothing may be left once all clients are gone.
class Simulation : private Effects {
 public:
  explicit Simulation(std::uint64_t seed);
  ~Simulation() override;

  // Runs until so many events reached the scheduler, and ends as drain() says.
  void run(std::uint64_t events);
  // The same, but after `death` events the worker dies that has this place among those there are.
  void run_with_death(std::uint64_t events, std::uint64_t death, std::size_t worker);

  // What went wrong, with what led to it; nothing when all is well. The simulation stops at the first.
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::string summary() const;

 private:
  struct FakeClient {
    std::set<Key> wants;
    std::set<Key> erred;
  };

  // ---- what happens (simulation.cc)
  void step();
  void tell(const std::string& what, const std::function<void()>& event);
  void deliver_to_worker();
  void deliver_to_scheduler();
  void work();
  void take_part_in_shuffle();
  void change_worker();
  void add_worker(bool can_run_all = false);
  void kill_worker(ModelWorker& worker, bool expected);
  void beat_heart();
  [[nodiscard]] std::size_t known_tasks() const;
  void fail(const std::string& what);
  [[nodiscard]] ModelWorker* any_worker();
  [[nodiscard]] ModelWorker* find_worker(std::string_view address);
  [[nodiscard]] bool chance(double probability);
  [[nodiscard]] std::size_t below(std::size_t bound);
  [[nodiscard]] Behaviour& behaviour_of(const Key& key);

  // ---- clients (fake_clients.cc)
  void act_as_client();
  void submit(const std::string& client);
  [[nodiscard]] Graph random_graph(const std::string& client);
  void add_task(Graph& graph, const std::string& name, std::vector<Key> dependencies);
  std::vector<Key> add_shuffles(Graph& graph, const std::string& id, const std::vector<Key>& transfers);
  Key add_shuffle(Graph& graph, const std::string& id, const std::vector<Key>& transfers);
  [[nodiscard]] std::shared_ptr<const Annotations> random_annotations();
  void scatter(const std::string& client);
  void release(const std::string& client);
  void cancel(const std::string& client);
  void retry(const std::string& client);
  void desire(const std::string& client);
  void leave(const std::string& client);
  void restart();
  [[nodiscard]] std::optional<Key> any_key(const std::set<Key>& keys);

  // ---- the end (drain.cc)
  void drain();
  void work_until_quiet();
  void check_all_wanted_is_settled();
  void check_nothing_is_left();

  // ---- Effects (told.cc)
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
  void check_tasks_have_one_worker();
  [[nodiscard]] FakeClient* wanting(std::string_view client, const Key& key, std::string_view what);

  Random random_;
  std::uint64_t seed_;
  bool is_wild_;  // every third one is calm: nothing dies, lies or is lost, and so hides that something was forgotten
  double now_ = 1;
  std::uint64_t events_ = 0;
  std::uint64_t next_name_ = 0;
  std::optional<std::string> failure_;
  std::vector<std::string> recent_;  // events, a ring

  TaskScheduler scheduler_;
  std::vector<std::unique_ptr<ModelWorker>> workers_;
  std::map<std::string, FakeClient> clients_;  // connected
  std::map<std::string, FakeClient> holders_;  // names that keep keys
  std::deque<Graph> submitted_;
  std::map<Key, Behaviour> behaviours_;
  std::map<Key, Key> barriers_;  // of the shuffles that tasks are transfers or outputs of
  std::int64_t last_run_ = 0;
  std::map<Key, std::string> computed_;  // in this event: on which worker
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace trireme::launcher::dask::simulation

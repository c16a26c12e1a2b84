#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dask/tasks/task.h"

namespace trireme::launcher::dask {

// What a worker is told to run. Views are valid during the call only.
struct Computation {
  const Key& key;
  std::int64_t run_id;
  Priority priority;
  const Bytes& run_spec;
  const Annotations& annotations;
  bool actor;

  struct Dependency {
    const Key& key;
    std::int64_t bytes;
    std::span<const std::string_view> holders;  // addresses of workers, never empty
  };
  std::span<const Dependency> dependencies;
};

// What the task scheduler decided, in the order in which each peer must hear it.
//
// Implemented by the server (writes to the peers' streams) and by the simulator. Calls come from inside of the
// scheduler's events: an implementation only takes notes and never calls back.
class Effects {
 public:
  virtual ~Effects() = default;

  // To a worker, by address.
  virtual void compute(std::string_view worker, const Computation& task) = 0;
  virtual void free_keys(std::string_view worker, std::span<const Key> keys) = 0;
  virtual void remove_replicas(std::string_view worker, std::span<const Key> keys) = 0;
  virtual void request_steal(std::string_view worker, const Key& key, std::string_view stimulus) = 0;
  // holders may be empty for a key that is lost.
  virtual void refresh_who_has(std::string_view worker, const Key& key, std::span<const std::string_view> holders) = 0;
  virtual void tell_worker_gone(std::string_view worker, std::string_view gone) = 0;
  // The worker drops what it has of this run of a P2P shuffle.
  virtual void fail_shuffle(std::string_view worker, std::string_view shuffle, std::int64_t run,
                            std::string_view why) = 0;

  // To a client, by id. `type` may be empty.
  virtual void key_in_memory(std::string_view client, const Key& key, const Bytes& type) = 0;
  virtual void task_erred(std::string_view client, const Key& key, const Opaque& exception,
                          const Opaque& traceback) = 0;
  virtual void lost_data(std::string_view client, const Key& key) = 0;
  virtual void cancelled_keys(std::string_view client, std::span<const Key> keys, std::string_view reason) = 0;
  virtual void task_retried(std::string_view client, const Key& key) = 0;

  // For whoever watches tasks (pages, metrics): a task changed its state.
  virtual void task_changed(const Key& key, TaskState from, TaskState to) { (void)key, (void)from, (void)to; }
  // It was released or erred, and is no longer known.
  virtual void task_forgotten(const Key& key, TaskState last) { (void)key, (void)last; }
};

}  // namespace trireme::launcher::dask

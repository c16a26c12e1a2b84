#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dask/tasks/worker_record.h"

namespace trireme::launcher::dask::tasks {

// All workers, found by address, by name and by host.
class WorkerTable {
 public:
  // Nothing when the address is taken.
  Worker* add(const WorkerInfo& info);
  void remove(const Worker& worker);

  [[nodiscard]] Worker* find(std::string_view address) const;
  // Those that a text of dask.annotate(workers=) means: an address, with or without its scheme, a name or a host.
  [[nodiscard]] std::vector<Worker*> meant_by(const std::string& text) const;
  [[nodiscard]] std::int64_t total_threads() const { return total_threads_; }
  [[nodiscard]] std::size_t size() const { return workers_.size(); }
  // In the order of their addresses.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [address, worker] : workers_) visit(*worker);
  }

 private:
  std::map<std::string, std::unique_ptr<Worker>, std::less<>> workers_;
  std::multimap<std::string, Worker*, std::less<>> by_name_;
  std::multimap<std::string, Worker*, std::less<>> by_host_;
  std::int64_t total_threads_ = 0;
  std::uint64_t next_number_ = 0;
};

// Whether a worker has what the annotations ask for, free or not.
[[nodiscard]] bool has_resources(const Worker& worker, const Annotations& annotations);
// Whether enough is free, counting that as free which one more round of tasks may be sent ahead for.
[[nodiscard]] bool has_free_resources(const Worker& worker, const Annotations& annotations, double rounds_ahead);
void hold_resources(Worker& worker, const Annotations& annotations);
void return_resources(Worker& worker, const Annotations& annotations);

}  // namespace trireme::launcher::dask::tasks

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "dask/tasks/task_counts.h"
#include "dask/wire/key.h"

namespace trireme::launcher::dask::tasks {

// What tasks of one kind have in common: "inc" of inc-3e8f…, "read-csv" of ("read-csv-77…", 3).
struct Prefix {
  std::string name;
  double seconds = -1;          // of a run, the average with the latest at half; negative: none has ended yet
  std::uint32_t tasks = 0;      // that exist
  TaskCounts counts;            // of them, by state
  std::int64_t processing = 0;  // of them, without long-running ones

  // What placement counts with.
  [[nodiscard]] double expected_seconds() const { return seconds < 0 ? kUnknownSeconds : seconds; }
  void add_run(double took);

  static constexpr double kUnknownSeconds = 0.5;
};

// The words before the first that is not one, as Dask's key_split groups tasks: of a tuple the first element, of a
// number "Other". `packed` is a Key's msgpack; what is none gives "Other".
[[nodiscard]] std::string prefix_name(std::string_view packed);

// The prefixes of all tasks, and of some that are gone, for when such tasks come again.
class PrefixTable {
 public:
  static constexpr std::size_t kMostUnused = 4096;

  // Counts one more task. The address stays until its last task was removed.
  Prefix& add_task(const Key& key);
  void remove_task(Prefix& prefix);

  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [name, prefix] : prefixes_) visit(prefix);
  }
  // Seconds of work that all processing tasks stand for.
  [[nodiscard]] double processing_seconds() const;

 private:
  void drop_unused();

  std::unordered_map<std::string, Prefix> prefixes_;
  std::size_t unused_ = 0;
};

}  // namespace trireme::launcher::dask::tasks

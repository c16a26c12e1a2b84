#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace trireme::bench {

inline constexpr int kMaxRanks = 64;
inline constexpr int kMaxSamples = 4096;

// Where the ranks of one system line up before every operation and leave their times: a file that all of them map, so
// that every system is started and timed in the same way, whatever it is. All ranks lie on one kernel.
//
// Not thread-safe: one object a rank.
class StartLine {
 public:
  // Maps `path`, which the driver made with page_bytes() zeros. Throws std::system_error.
  StartLine(const std::string& path, int rank, int ranks);
  // For ranks that are threads: they share `page` (page_bytes() zeros), which must outlive them.
  StartLine(void* page, int rank, int ranks);
  ~StartLine();
  StartLine(const StartLine&) = delete;
  StartLine& operator=(const StartLine&) = delete;

  [[nodiscard]] static std::size_t page_bytes();

  // Returns once every rank has called it, on all at nearly the same time.
  //
  // Until the last one comes the others sleep, so that they take no core from whatever a system still does for that one
  // (gloo has threads of its own); then all meet once more, awake.
  void wait();

  // The same without sleeping: spins while each rank has a core, else yields. The quickest way, for timed parts.
  void meet();

  // Collective: the largest of the ranks' values.
  [[nodiscard]] double largest(double value);
  // Collective: the sum of the ranks' values.
  [[nodiscard]] std::int64_t sum(std::int64_t value);
  // Collective: element i is the largest of the ranks' samples[i]; equal lengths, at most kMaxSamples.
  [[nodiscard]] std::vector<double> largest_of_each(const std::vector<double>& samples);

 private:
  void wait_for_last();

  struct Page;
  Page* page_;
  bool is_mapped_ = false;
  int rank_;
  int ranks_;
  bool may_spin_;
  std::uint64_t round_ = 0;
};

// Binds this thread to a core of its own. With more ranks than cores nobody is bound: round robin would put one rank of
// each of several nodes, which may be all that work between nodes, on the same core. To be called before threads are
// started.
void pin_to_core(int rank, int ranks);

}  // namespace trireme::bench

#pragma once

#include <array>
#include <memory>
#include <vector>

#include "../measure/start_line.h"
#include "../measure/system.h"
#include "kernels.h"

namespace trireme::bench {

// What the threads of the roof probe share: where they line up, and each other's buffers.
struct RoofShared {
  explicit RoofShared(int threads);
  int ranks;
  std::vector<std::byte> start_page;
  std::vector<std::byte> end_page;
  std::array<float*, kMaxRanks> buffers{};
};

// A rank of the roof probe, a thread: the loops of all_reduce, reduce_scatter and all_gather with one kernel over the
// buffers of all threads, all in place. The timed part holds no flag but the start line and one barrier at the end.
class RoofSystem final : public System {
 public:
  // `shared` must outlive this.
  RoofSystem(RoofShared& shared, const Kernel& kernel, int rank);
  [[nodiscard]] bool prefers_in_place(Operation) const override { return true; }
  [[nodiscard]] Region allocate(std::int64_t count, BufferKind kind) override;
  void run(const Exchange& exchange) override;

 private:
  RoofShared& shared_;
  const Kernel& kernel_;
  StartLine end_;
  int rank_;
};

// True for the operations that the probe knows.
[[nodiscard]] bool has_roof(Operation operation);

// Bytes that the loops read and write, all threads together, counted once each way.
[[nodiscard]] double bytes_moved(Operation operation, double bytes, int ranks);

}  // namespace trireme::bench

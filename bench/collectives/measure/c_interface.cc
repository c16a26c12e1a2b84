#include "c_interface.h"

#include <iostream>
#include <stdexcept>

#include "rank_program.h"

namespace trireme::bench {
namespace {

class ForeignSystem final : public System {
 public:
  explicit ForeignSystem(TriremeBenchRun callback) : run_(callback) {}
  [[nodiscard]] bool prefers_in_place(Operation) const override { return false; }
  [[nodiscard]] Region allocate(std::int64_t count, BufferKind kind) override {
    if (kind == BufferKind::kArena) throw std::invalid_argument("this system has no arena");
    return allocate_foreign(count);
  }
  void run(const Exchange& exchange) override {
    if (run_(static_cast<int>(exchange.operation), exchange.count, exchange.input, exchange.output) != 0) {
      throw std::runtime_error("the operation failed; the rank's log says why");
    }
  }

 private:
  TriremeBenchRun run_;
};

}  // namespace
}  // namespace trireme::bench

extern "C" int trireme_bench_serve(const char* socket, const char* page, int rank, int ranks, TriremeBenchRun run) {
  try {
    trireme::bench::ForeignSystem system(run);
    return trireme::bench::serve(system, {socket, page}, rank, ranks);
  } catch (const std::exception& error) {
    std::cerr << "trireme_bench_serve: error: " << error.what() << '\n';
    return 1;
  }
}

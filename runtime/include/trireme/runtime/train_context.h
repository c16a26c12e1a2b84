#pragma once

#include <c10/core/Device.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "trireme/base/rank_environment.h"
#include "trireme/base/status_record.h"
#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

namespace trireme {

// Where a rank computes.
enum class DeviceWish : std::uint8_t {
  kAuto,  // on a GPU, where every rank of the node can have one and this build has NCCL
  kCpu,
  kGpu,  // or ConfigError
};

struct TrainContextOptions {
  // "auto", "single", "shm", "tcp", "mpi", "hierarchical" or "nccl". Unset: TRIREME_BACKEND, else "auto".
  std::optional<std::string> backend = std::nullopt;
  // Unset: TRIREME_DEVICE (auto, cpu or gpu), else kAuto.
  std::optional<DeviceWish> device = std::nullopt;
  // How long the ranks may take to find each other.
  std::chrono::milliseconds connect_timeout = std::chrono::minutes(2);
  // Seeds torch's generator with seed + rank: the same initial weights everywhere (Parallel broadcasts rank 0's), but
  // different dropout on every rank.
  std::uint64_t seed = 0;
  // Turns SIGTERM and SIGINT into stop_requested(), so that a cancelled run ends after its step with a checkpoint. A
  // second signal ends the process as usual.
  bool handle_signals = true;
};

// Says where this program runs: rank, world, device, and the communicator to the other ranks, from whatever launched it
// (mpirun, srun, torchrun, `launcher run`, or nothing: a world of one).
//
// Lifetime: one per process, made first in main() and destroyed last; everything else of the runtime refers to it.
// Construction is collective and blocks until all ranks are there. Ranks as threads of one process (tests) each make
// theirs from a ready communicator.
// Threads: the thread that made it, but stop_requested(), status() and report(), which any thread may
// call.
// Failure: ConfigError when environment and options do not fit together, TimeoutError naming the ranks that did not
// come.
class TrainContext {
 public:
  // Reads the process environment. argv is only looked at for the program's name; parsing options stays with the
  // program.
  TrainContext(int argc, char** argv, const TrainContextOptions& options = {});
  explicit TrainContext(const RankEnvironment& environment, const TrainContextOptions& options = {});
  // Over a communicator made elsewhere; handle_signals is ignored.
  TrainContext(const RankEnvironment& environment, std::unique_ptr<collectives::Communicator> communicator,
               const TrainContextOptions& options = {});
  // Waits shortly for the other ranks to leave too, because rank 0 may serve their store. Not when unwinding.
  ~TrainContext();
  TrainContext(const TrainContext&) = delete;
  TrainContext& operator=(const TrainContext&) = delete;

  [[nodiscard]] int rank() const noexcept;
  [[nodiscard]] int world_size() const noexcept;
  [[nodiscard]] int local_rank() const noexcept;
  [[nodiscard]] bool is_main() const noexcept { return rank() == 0; }
  [[nodiscard]] const RankEnvironment& environment() const noexcept;
  // Where models and batches belong. Parallel moves its module there; on a GPU it is also the current device.
  [[nodiscard]] c10::Device device() const noexcept;
  [[nodiscard]] collectives::Communicator& communicator() noexcept;
  // The rendezvous store; null where the backend needed none (single, mpi).
  [[nodiscard]] Store* store() noexcept;
  [[nodiscard]] StatusReporter& status() noexcept;
  // Tells who watches this run (launcher, dashboard): phase, step and metrics are the caller's, the rest is filled in.
  // Never blocks. A rank that is started by a launcher also says once a second by itself where it stands.
  void report(StatusRecord record);
  // One sentence: which backend and why.
  [[nodiscard]] const std::string& backend_choice() const noexcept;

  // Seeds torch's generator with seed + rank, mixed with `step` where it is not 0, so that a resumed run does not
  // repeat the dropout of its beginning.
  void seed_generator(std::int64_t step = 0) const;
  // A line on standard output, on rank 0 only.
  void print(std::string_view line) const;
  // This process was asked to end. Ranks may hear of it at different times: steps() agrees on it.
  [[nodiscard]] bool stop_requested() const noexcept;
  // Asks this run to end after the current step, as a signal would.
  void request_stop() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trireme

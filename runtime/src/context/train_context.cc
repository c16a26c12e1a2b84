#include "trireme/runtime/train_context.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/cuda.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

#include "context/device_choice.h"
#include "context/pulse.h"
#include "context/stop_signal.h"
#include "context/store_bootstrap.h"
#include "trireme/base/check.h"
#include "trireme/base/error.h"
#include "trireme/base/log.h"
#include "trireme/collectives/auto.h"
#include "trireme/collectives/mpi.h"
#include "trireme/collectives/nccl.h"
#include "trireme/topology/settings.h"

namespace trireme {
namespace {

using collectives::Communicator;

// Ranks leave together as far as they can: rank 0 may serve the store that the others still look at.
void leave_together(Store& store, bool serves, int world_size) noexcept {
  constexpr auto kPatience = std::chrono::seconds(3);
  try {
    store.add("trireme/left", 1);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (serves && store.add("trireme/left", 0) < world_size && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  } catch (const std::exception&) {
    return;  // the store is gone, so there is nobody left to wait for
  }
}

std::uint64_t mix(std::uint64_t seed, std::int64_t step) {
  return step == 0 ? seed : seed ^ (static_cast<std::uint64_t>(step) * 0x9E3779B97F4A7C15ULL);
}

// Ranks of a node share its cores: with a thread per core in every rank they would stand in each other's way. What the
// user set in OMP_NUM_THREADS stays. hardware_concurrency() counts the cores this process may use.
void share_cores(const RankEnvironment& environment) {
  if (process_environment()("OMP_NUM_THREADS")) return;
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  at::set_num_threads(std::max(1, cores / environment.local_world_size));
}

// CUDA is made ready for this process where a GPU is chosen.
c10::Device choose_device(const RankEnvironment& environment, const TrainContextOptions& options,
                          const std::string& backend) {
  const auto lookup = process_environment();
  const auto gpu = choose_gpu(environment, {.wish = options.device ? *options.device : device_wish(lookup),
                                            .backend = backend,
                                            .gpus = static_cast<int>(torch::cuda::device_count()),
                                            .gpus_are_ours = lookup("CUDA_VISIBLE_DEVICES").has_value(),
                                            .build_has_nccl = collectives::has_nccl()});
  if (!gpu) return {c10::kCPU};
  const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(*gpu));
  c10::impl::VirtualGuardImpl(c10::kCUDA).setDevice(device);
  return device;
}

}  // namespace

// Members are destroyed from the last to the first: the communicator before the store, the client before its server.
struct TrainContext::State {
  State(const RankEnvironment& where, const TrainContextOptions& wishes)
      : environment(where),
        options(wishes),
        status(where.status_socket),
        pulse(status, where.run_id.value_or(""), where.rank) {}

  void connect();
  void connect_store(const collectives::BackendChoice& chosen);
  void log_choice(std::string_view reason);

  RankEnvironment environment;
  TrainContextOptions options;
  StatusReporter status;
  Pulse pulse;
  c10::Device device{c10::kCPU};
  std::string choice;
  std::atomic<bool> stop{false};
  std::unique_ptr<StopSignal> signals;
  int exceptions_at_start = std::uncaught_exceptions();
  std::unique_ptr<Communicator> mpi;  // only told where the store is
  RunStore store;
  std::unique_ptr<Communicator> communicator;
};

void TrainContext::State::connect() {
  // Before NCCL, UCX or Open MPI read their variables.
  for (const auto& setting : topology::apply_to_process(environment)) {
    log_debug("rank={} event=set {}={} reason=\"{}\"", environment.rank, setting.name, setting.value, setting.reason);
  }
  auto request = collectives::default_request();
  if (options.backend) request.name = *options.backend;
  device = choose_device(environment, options, request.name);
  request.is_for_gpus = device.is_cuda();
  const auto chosen = collectives::choose_backend(environment, request);
  if (environment.world_size > 1 || chosen.needs_store()) connect_store(chosen);
  communicator = collectives::make_chosen(
      chosen, environment, store.client.get(),
      {.timeout = options.connect_timeout, .gpu = device.is_cuda() ? device.index() : environment.local_rank});
  log_choice(chosen.reason);
}

// Over MPI alone a store is only asked for lost ranks, so one that nobody serves is not missed.
void TrainContext::State::connect_store(const collectives::BackendChoice& chosen) {
  if (!chosen.needs_store() && !environment.store) return;
  const auto rendezvous = choose_rendezvous(environment, collectives::has_mpi());
  if (rendezvous == Rendezvous::kMpi) mpi = collectives::make_mpi(environment.world_size);
  store = connect_run_store(environment, rendezvous, {.timeout = options.connect_timeout}, mpi.get());
}

void TrainContext::State::log_choice(std::string_view reason) {
  choice = message("backend {}: {}", communicator->backend(), reason);
  if (environment.rank != 0) return;
  log_info("rank=0 event=connected world={} launched_by=\"{}\" backend={} reason=\"{}\"", environment.world_size,
           to_string(environment.launched_by), communicator->backend(), reason);
}

TrainContext::TrainContext(int, char**, const TrainContextOptions& options)
    : TrainContext(read_rank_environment(), options) {}

TrainContext::TrainContext(const RankEnvironment& environment, const TrainContextOptions& options)
    : state_(std::make_unique<State>(environment, options)) {
  share_cores(environment);
  state_->connect();
  if (options.handle_signals) state_->signals = std::make_unique<StopSignal>();
  seed_generator();
}

TrainContext::TrainContext(const RankEnvironment& environment, std::unique_ptr<Communicator> communicator,
                           const TrainContextOptions& options)
    : state_(std::make_unique<State>(environment, options)) {
  TRIREME_CHECK(communicator != nullptr, "rank {} got no communicator", environment.rank);
  state_->communicator = std::move(communicator);
  state_->device = choose_device(environment, options, std::string(state_->communicator->backend()));
  state_->choice = message("backend {}: given by the program", state_->communicator->backend());
  seed_generator();
}

TrainContext::~TrainContext() {
  if (std::uncaught_exceptions() > state_->exceptions_at_start || !state_->store.client) return;
  leave_together(*state_->store.client, state_->store.server != nullptr, world_size());
}

int TrainContext::rank() const noexcept { return state_->communicator->rank(); }
int TrainContext::world_size() const noexcept { return state_->communicator->size(); }
int TrainContext::local_rank() const noexcept { return state_->environment.local_rank; }
const RankEnvironment& TrainContext::environment() const noexcept { return state_->environment; }
c10::Device TrainContext::device() const noexcept { return state_->device; }
Communicator& TrainContext::communicator() noexcept { return *state_->communicator; }
Store* TrainContext::store() noexcept { return state_->store.client.get(); }
StatusReporter& TrainContext::status() noexcept { return state_->status; }
void TrainContext::report(StatusRecord record) { state_->pulse.report(std::move(record)); }
const std::string& TrainContext::backend_choice() const noexcept { return state_->choice; }

void TrainContext::seed_generator(std::int64_t step) const {
  at::manual_seed(mix(state_->options.seed + static_cast<std::uint64_t>(rank()), step));
}

void TrainContext::print(std::string_view line) const {
  if (!is_main()) return;
  std::fprintf(stdout, "%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

bool TrainContext::stop_requested() const noexcept {
  return state_->stop.load(std::memory_order_relaxed) || (state_->signals && StopSignal::arrived());
}

void TrainContext::request_stop() noexcept { state_->stop.store(true, std::memory_order_relaxed); }

}  // namespace trireme

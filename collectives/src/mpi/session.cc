#include "session.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

constexpr auto kWaitForExit = std::chrono::seconds(5);

// MPI is one per process, and so is what we must remember of it.
std::atomic<bool>& has_failed() {
  static std::atomic<bool> failed{false};
  return failed;
}

// True when every rank has come to its exit: only then does MPI_Finalize return after a failure.
bool everybody_exits() {
  MPI_Request barrier = MPI_REQUEST_NULL;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (MPI_Ibarrier(MPI_COMM_WORLD, &barrier) != MPI_SUCCESS) return false;
  const auto deadline = std::chrono::steady_clock::now() + kWaitForExit;
  for (int done = 0; done == 0;) {
    if (MPI_Test(&barrier, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return false;
    if (done == 0 && std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

void finalize_at_exit() {
  if (!is_mpi_running()) return;
  if (!has_failed().load() || everybody_exits()) MPI_Finalize();
}

}  // namespace

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::string text(MPI_MAX_ERROR_STRING, '\0');
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  text.resize(static_cast<std::size_t>(length));
  throw CommError(message("{} failed: {}", call, text));
}

void start_mpi() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized != 0) throw ConfigError("MPI is already finalized in this process, and it cannot start twice");
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized != 0) return;
  int provided = 0;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  std::atexit(finalize_at_exit);
}

bool is_mpi_running() noexcept {
  int initialized = 0;
  int finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  return initialized != 0 && finalized == 0;
}

void note_mpi_failure() noexcept { has_failed().store(true); }

MpiComm::MpiComm(MPI_Comm comm) : comm_(comm) { MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN); }

MpiComm::MpiComm(MpiComm&& other) noexcept : comm_(std::exchange(other.comm_, MPI_COMM_NULL)) {}

// A failed communicator may still have messages under way, so it is left to the end of the process.
MpiComm::~MpiComm() {
  if (comm_ != MPI_COMM_NULL && is_mpi_running() && !has_failed().load()) MPI_Comm_free(&comm_);
}

int MpiComm::rank() const {
  int rank = 0;
  check_mpi(MPI_Comm_rank(comm_, &rank), "MPI_Comm_rank");
  return rank;
}

int MpiComm::size() const {
  int size = 0;
  check_mpi(MPI_Comm_size(comm_, &size), "MPI_Comm_size");
  return size;
}

MpiComm MpiComm::duplicate() const {
  MPI_Comm copy = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(comm_, &copy), "MPI_Comm_dup");
  return MpiComm(copy);
}

}  // namespace trireme::collectives

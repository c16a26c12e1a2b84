#pragma once

#include <mpi.h>

// MPI's life in this process, and its errors as exceptions. Only files of this folder include mpi.h.
namespace trireme::collectives {

// Throws CommError with MPI's own text unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* call);

// Initialises MPI unless the program did. If we initialised it, it is finalized when the program exits. After a
// communicator has failed that waits a few seconds for the other ranks to exit too, and leaves the rest to mpirun.
// Throws ConfigError when MPI is already finalized.
void start_mpi();
// MPI can be called: initialised and not yet finalized.
[[nodiscard]] bool is_mpi_running() noexcept;
// Some peer may never come to MPI_Finalize.
void note_mpi_failure() noexcept;

// Owns a communicator that returns errors instead of ending the program.
class MpiComm {
 public:
  explicit MpiComm(MPI_Comm comm);
  MpiComm(MpiComm&& other) noexcept;
  ~MpiComm();
  MpiComm& operator=(MpiComm&&) = delete;
  MpiComm(const MpiComm&) = delete;
  MpiComm& operator=(const MpiComm&) = delete;

  [[nodiscard]] MPI_Comm get() const noexcept { return comm_; }
  [[nodiscard]] int rank() const;
  [[nodiscard]] int size() const;
  // Collective, blocking.
  [[nodiscard]] MpiComm duplicate() const;

 private:
  MPI_Comm comm_;
};

}  // namespace trireme::collectives

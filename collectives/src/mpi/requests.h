#pragma once

#include <mpi.h>

#include <cstddef>
#include <vector>

namespace trireme::collectives {

// Messages under way, with the peers they go to or come from. What is not complete on destruction is cancelled as far
// as MPI can; buffers must outlive that.
class Requests {
 public:
  explicit Requests(MPI_Comm comm) : comm_(comm) {}
  ~Requests();
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // Any size, in pieces that MPI's int can count; nothing at all for 0 bytes.
  void send(const void* data, std::size_t bytes, int peer, int tag);
  void receive(void* data, std::size_t bytes, int peer, int tag);
  // Makes progress; true when any message completed since the last call.
  bool advance();
  // True when none is under way.
  [[nodiscard]] bool done() const noexcept { return pending_ == 0; }
  [[nodiscard]] std::vector<int> peers() const;

 private:
  MPI_Request& add(int peer);

  const MPI_Comm comm_;
  std::vector<MPI_Request> requests_;
  std::vector<int> peers_;      // of each request
  std::vector<int> completed_;  // scratch of advance()
  std::size_t pending_ = 0;
};

}  // namespace trireme::collectives

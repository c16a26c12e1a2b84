#pragma once

#include <cstddef>
#include <vector>

#include "../transport.h"
#include "requests.h"

namespace trireme::collectives {

// One rank's end of an MPI group, for the tasks of its collectives. They run one at a time, so they share memory here.
struct MpiGroup {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0;
  int size = 1;
  std::vector<Signature> heard = {};    // by rank: the last collective each rank has called
  std::vector<std::byte> scratch = {};  // pieces that other ranks sent to be reduced
};

// A collective in messages between pairs: signatures of all to all; then, chunk by chunk, slices go to their owners,
// who reduce them in rank order, and from the owners to those who need the result.
class ExchangeTask final : public Task {
 public:
  ExchangeTask(MpiGroup& group, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return requests_.peers(); }

 private:
  enum class Phase { kSignatures, kToOwners, kFromOwners, kFinished };

  void start_signatures();
  void compare_signatures() const;
  void next_phase();
  void start_chunk();
  void start_to_owners();
  void start_from_owners();
  void send_pieces();
  void scatter_from_root(bool by_slices);
  void exchange_blocks();
  void reduce_pieces();
  void share_slices();
  void share_blocks();

  [[nodiscard]] Buffer input_piece(int owner) const;
  [[nodiscard]] Buffer output_piece(int owner) const;
  [[nodiscard]] Buffer reduced_piece();
  [[nodiscard]] std::byte* scratch(int rank);
  [[nodiscard]] bool is_root() const { return group_.rank == operation_.signature.root; }
  [[nodiscard]] bool needs_result(int rank) const;
  void send(const Buffer& buffer, int peer, int tag) { requests_.send(buffer.data, buffer.bytes(), peer, tag); }
  void receive(const Buffer& buffer, int peer, int tag) { requests_.receive(buffer.data, buffer.bytes(), peer, tag); }
  template <typename Action>
  void for_each_peer(Action&& action);

  MpiGroup& group_;
  const Operation operation_;
  const OpKind kind_;
  Requests requests_;
  std::int64_t block_ = 0;     // elements of a rank's block, of which every chunk takes the same part
  std::int64_t capacity_ = 0;  // elements of a block that one chunk takes
  std::int64_t first_ = 0;     // of this chunk within the block
  std::int64_t length_ = 0;    // of this chunk
  Phase phase_ = Phase::kSignatures;
};

}  // namespace trireme::collectives

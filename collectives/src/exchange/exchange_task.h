#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "../transport.h"
#include "heads.h"
#include "pieces.h"

namespace trireme::collectives {

// A large collective in two rounds: slices go to their owners, who reduce them in rank order, and from the owners to
// those who need the result. Operations without owners of slices have the first round only.
//
// Buffers are cut into chunks, several of which are under way, so that sending, receiving and reducing overlap. The
// first chunks leave together with the heads; what arrives waits until all heads are compared. Where slices are small,
// the heads carry them, and there is but one chunk.
class ExchangeTask final : public Task {
 public:
  ExchangeTask(ExchangeGroup& group, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override;

 private:
  // The same elements of every block.
  struct Chunk {
    Chunk(ExchangeGroup& group, std::int32_t index, std::int64_t first, std::int64_t length, std::size_t piece_bytes);

    const std::int32_t index;
    const std::int64_t first;
    const std::int64_t length;
    const std::size_t piece_bytes;  // of the scratch, for each rank
    bool is_first_round_over = false;
    const Scratch scratch;  // by rank
    Batch arriving;         // in the first round
    Batch others;           // all other messages
  };

  [[nodiscard]] static bool is_over(const Chunk& chunk) { return chunk.is_first_round_over && chunk.others.done(); }
  bool start_chunks();
  bool finish_chunks();
  void start_first_round(Chunk& chunk);
  void start_receiving(Chunk& chunk);
  bool end_first_round(Chunk& chunk);

  void scatter_from_root(Chunk& chunk);
  void send_blocks(Chunk& chunk);
  void receive_pieces(Chunk& chunk);
  void receive_from_root(Chunk& chunk);
  void receive_blocks(Chunk& chunk);
  void receive_results(Chunk& chunk);
  [[nodiscard]] Buffer head_payload(int peer) const;
  void reduce(Chunk& chunk);
  void send_results(Chunk& chunk);

  [[nodiscard]] Buffer input(const Chunk& chunk, int owner) const;
  [[nodiscard]] Buffer output(const Chunk& chunk, int owner) const;
  [[nodiscard]] Buffer reduced(const Chunk& chunk) const;
  [[nodiscard]] Buffer in_scratch(const Chunk& chunk, int rank, const Buffer& like) const;
  void send(const Chunk& chunk, const Buffer& buffer, int peer, MessageKind kind, Batch& batch);
  void receive(const Chunk& chunk, const Buffer& buffer, int peer, MessageKind kind, Batch& batch);

  ExchangeGroup& group_;
  const Operation operation_;
  const Pieces pieces_;
  const std::int64_t capacity_;  // elements of a block that one chunk takes
  const bool rides_in_heads_;    // the first round
  std::int64_t first_ = 0;       // of the next chunk
  std::int32_t next_index_ = 0;
  Heads heads_;
  bool is_compared_ = false;
  std::deque<Chunk> chunks_;  // under way, in order
};

}  // namespace trireme::collectives

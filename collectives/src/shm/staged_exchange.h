#pragma once

#include "../transport.h"
#include "group.h"

namespace trireme::collectives {

// A large collective on memory that only its owner maps: through staging memory, in chunks that stay in the cache.
//
// Every rank shows what others need of its input, and takes what it needs of theirs. For all_reduce of many ranks each
// reduces its slice in rank order, and takes the results of the others. The next chunk is shown before: one wait a
// chunk.
class StagedExchange final : public Task {
 public:
  // Shows the first chunk. The caller publishes it, and calls advance() once all ranks have.
  StagedExchange(Group& group, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return group_.missing(); }

 private:
  // Elements [first, first + length) of every block.
  struct Chunk {
    std::int64_t first = 0;
    std::int64_t length = 0;
    int quarter = 0;
  };

  [[nodiscard]] bool is_over(const Chunk& chunk) const { return chunk.first >= block_; }
  [[nodiscard]] Chunk after(const Chunk& chunk) const;
  bool step();
  bool step_whole();
  bool step_in_slices();
  void show_next();
  void show(Chunk& chunk);
  void reduce(const Chunk& chunk);
  void take(const Chunk& chunk);
  void take_reduced(const Chunk& chunk);
  void reduce_blocks(const Chunk& chunk, std::int64_t block);
  void take_blocks(const Chunk& chunk, std::int64_t position, std::int64_t own_block);
  void keep_piece(const Chunk& chunk, std::int64_t block, std::int64_t target);
  void show_piece(const Chunk& chunk, std::int64_t from, std::int64_t position, std::int64_t length);
  void take_piece(const Chunk& chunk, int owner, std::int64_t position, std::int64_t target, std::int64_t length);
  [[nodiscard]] std::byte* staged(int rank, const Chunk& chunk, std::int64_t position) const;
  [[nodiscard]] bool has_result() const;

  Group& group_;
  const Operation operation_;
  const OpKind kind_;
  const std::int64_t element_;  // bytes of one
  const std::int64_t block_;    // elements of which every chunk takes a part
  const bool in_slices_;        // each rank reduces a slice of every chunk
  const std::int64_t capacity_;
  Chunk shown_;    // the newest that this rank has shown
  Chunk reduced_;  // the newest that this rank has reduced its slice of, not yet taken
  bool has_reduced_ = false;
  std::vector<const void*> pieces_;
};

}  // namespace trireme::collectives

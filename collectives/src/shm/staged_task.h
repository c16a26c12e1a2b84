#pragma once

#include "../transport.h"
#include "group.h"

namespace trireme::collectives {

// A collective over staging memory, chunk by chunk: every rank copies its input in and publishes; reductions then have
// each rank reduce its slice in rank order and publish; every rank copies its output out.
class StagedTask final : public Task {
 public:
  StagedTask(Group& group, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return group_.missing(); }

 private:
  enum class Phase { kFill, kFilled, kReduced };

  bool step();
  void fill();
  void reduce_own_slice();
  void reduce_own_block();
  void empty();
  void next_chunk();
  void copy_in(std::int64_t block, std::int64_t position);
  void copy_out(int owner, std::int64_t position, std::int64_t length, std::int64_t target);
  [[nodiscard]] std::byte* staged(int rank, std::int64_t element) const;
  [[nodiscard]] bool is_root() const { return group_.rank() == operation_.signature.root; }

  Group& group_;
  const Operation operation_;
  const OpKind kind_;
  const std::int64_t element_;  // bytes of one
  std::int64_t block_ = 0;      // elements of each rank's block, of which every chunk takes the same part
  std::int64_t capacity_ = 0;   // elements of a block that one chunk takes
  std::int64_t first_ = 0;      // of this chunk within the block
  std::int64_t length_ = 0;     // of this chunk
  int half_ = 0;
  Phase phase_ = Phase::kFill;
};

}  // namespace trireme::collectives

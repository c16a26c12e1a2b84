#pragma once

#include <vector>

#include "../transport.h"
#include "group.h"

namespace trireme::collectives {

// Where a buffer of each rank lies in this process, by rank; null for ranks that have none.
using Places = std::vector<std::byte*>;

// all_reduce and reduce where every rank maps every rank's buffers: slices are reduced where they lie, and written
// where they are wanted. No copies: p n / p bytes read and written per rank.
//
// A slice is cut into pieces. Its owner takes them one by one, and so does any rank that waits, once it has no work of
// its own: so a rank that was descheduled delays nobody.
class DirectReduce final : public Task {
 public:
  // All ranks have entered. `inputs` and `outputs` outlive the task.
  DirectReduce(Group& group, const Operation& operation, const Places& inputs, const Places& outputs);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return group_.missing(); }

 private:
  bool do_next_piece();
  void reduce_piece(int slice, int piece);
  void reduce(std::int64_t first, std::int64_t length);

  Group& group_;
  const Operation operation_;
  const Places& inputs_;
  const std::int64_t element_;  // bytes of one
  const std::int64_t piece_;    // elements
  const bool shares_work_;
  std::vector<std::byte*> outputs_;  // those wanted
  std::vector<const void*> from_;
  std::vector<void*> to_;
  int helping_ = 0;  // distance from this rank of the slice it works on
  bool is_done_ = false;
};

}  // namespace trireme::collectives

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// The seam between what holds training state (Parallel, AdamW) and what keeps it (Checkpoints).
namespace trireme {

// Consecutive elements of one tensor that this rank holds.
//
// The slices of all ranks together cover every tensor. Several ranks may hold the same elements; exactly one of them is
// their owner. One rank may hold a tensor in several slices, whose offsets then differ.
struct TensorSlice {
  std::string name;                        // unique in a checkpoint, e.g. "transformer.wte.weight"
  std::vector<std::int64_t> global_shape;  // of the whole tensor; empty for a scalar
  std::int64_t offset = 0;                 // first element, counted in the flattened whole tensor
  at::Tensor values;                       // 1-D contiguous view of the live elements; loading writes through it
  bool is_owner = false;                   // this rank writes these elements to the checkpoint
};

// Something whose state is saved and loaded. Calls come from one thread, between steps.
class StateSource {
 public:
  virtual ~StateSource() = default;
  // Views of the live state, in the same order on every rank. Valid until the source is changed structurally.
  [[nodiscard]] virtual std::vector<TensorSlice> tensor_slices() = 0;
  // Names the files of these tensors in a checkpoint: "model" for weights, "optimizer", …
  [[nodiscard]] virtual std::string shard_name() const { return "state"; }
  // Small values that are equal on every rank. Keys are unique in a checkpoint ("adamw.updates").
  [[nodiscard]] virtual std::map<std::string, std::string> scalars() const = 0;
  // Takes what scalars() gave when saved. Ignores keys of other sources. Throws CheckpointError naming a key that is
  // missing or malformed.
  virtual void load_scalars(const std::map<std::string, std::string>& scalars) = 0;
  // Called on every rank before tensors are written through tensor_slices().
  virtual void before_load() {}
  // Called on every rank once all tensors and scalars are in place.
  virtual void after_load() {}
};

// Keeps training state across restarts of the process. Checkpoints implements it; steps() calls it.
class StateKeeper {
 public:
  virtual ~StateKeeper() = default;
  // Collective. Loads the kept state into `sources` when resuming is wanted and something is there. Returns the number
  // of steps that the state had finished; 0: start from the beginning.
  virtual std::int64_t restore(const std::vector<StateSource*>& sources) = 0;
  // Collective, after every step; decides itself whether this is a step to keep. `is_last`: the loop ends after it,
  // because all steps are done or because it was asked to stop.
  virtual void after_step(std::int64_t finished_steps, bool is_last, const std::vector<StateSource*>& sources) = 0;
};

}  // namespace trireme

#pragma once

#include <memory>
#include <vector>

#include "trireme/runtime/unit.h"
#include "zero/parameter_store.h"

namespace trireme {

// Bucket layouts of parameters that stay whole have this for their unit.
inline constexpr int kWholeUnit = -1;
// The unit of the parameters that lie in no Unit.
inline constexpr int kRootUnit = 0;

// ZeRO 3: every rank keeps its blocks, and a unit's parameters are whole only while it computes.
//
// Note [released storage]. The parameters of a bucket are views of one storage. To gather is to point that storage at a
// slot of communicator memory, to release is to point it at nothing. Views that autograd saved (a transposed weight)
// share the storage, so they see the slot that the backward pass gathers into, wherever it lies.
//
// Note [same order]. Gathers are collectives, so every rank must run the same units in the same order, forward and
// backward. Units of one size cannot be told apart on the way, so a step ends by comparing what was gathered. What
// follows a unit is learned from the pass before and gathered ahead.
class UnitParameters : public ParameterStore, public UnitObserver {
 public:
  // The root's parameters are whole from here to the end of backward or the next update.
  virtual void begin_forward() = 0;
  // What was gathered since the last call, as a number below 2^20 that is equal on ranks that gathered alike.
  [[nodiscard]] virtual std::uint32_t take_trail() = 0;
  // Moves on the gathers that are under way, without blocking.
  virtual void poll_gathers() = 0;
  // Releases whatever is still gathered.
  virtual void end_backward() = 0;
};

// Collective. `units`: 1 + the number of Units in the model.
[[nodiscard]] std::unique_ptr<UnitParameters> make_unit_parameters(const ParameterStoreInput& input, std::size_t units,
                                                                   bool keep_after_forward);

}  // namespace trireme

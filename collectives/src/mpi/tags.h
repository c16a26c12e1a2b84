#pragma once

#include <cstdint>

#include "../exchange/messenger.h"

namespace trireme::collectives {

// Tags on the communicator of the collectives. The sequence number keeps collectives apart that are under way together;
// messages of one kind within a collective arrive in the order posted. Messages of the caller have a communicator of
// their own, with the caller's tags.
inline constexpr int kTagsPerCollective = 4;
inline constexpr int kFailureTag = 3;
inline constexpr std::uint64_t kCollectivesApart = 8000;  // MPI promises tags up to 32767

[[nodiscard]] constexpr int tag_of_collective(MessageKind kind, std::uint64_t sequence) {
  return static_cast<int>(sequence % kCollectivesApart) * kTagsPerCollective + static_cast<int>(kind);
}
static_assert(static_cast<int>(MessageKind::kFromOwner) < kFailureTag);

}  // namespace trireme::collectives

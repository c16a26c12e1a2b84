#pragma once

namespace trireme::collectives {

// The kinds of messages on an internal communicator. Messages of one kind between two ranks arrive in the order of the
// operations, so no sequence number is needed.
inline constexpr int kSignatureTag = 0;
inline constexpr int kToOwnerTag = 1;
inline constexpr int kFromOwnerTag = 2;
inline constexpr int kFailureTag = 3;

}  // namespace trireme::collectives

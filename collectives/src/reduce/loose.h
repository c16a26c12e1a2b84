#pragma once

namespace trireme::collectives {

// A view that lies at any address and aliases any other.
template <typename T>
using Loose [[gnu::aligned(1), gnu::may_alias]] = T;

}  // namespace trireme::collectives

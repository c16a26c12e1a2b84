#pragma once

#include <memory>

#include "../transport.h"
#include "exchange_group.h"

namespace trireme::collectives {

// The task of any operation, in messages between pairs of ranks. Every rank starts collectives in the same order.
[[nodiscard]] std::unique_ptr<Task> start_exchange(ExchangeGroup& group, const Operation& operation);

}  // namespace trireme::collectives

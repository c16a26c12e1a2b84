#include "parallel/gradient_order.h"

#include <cstring>
#include <string_view>

namespace trireme {

std::vector<std::size_t> complete_order(const std::vector<std::size_t>& arrived, std::size_t count) {
  std::vector<bool> is_there(count);
  for (const auto index : arrived) is_there[index] = true;
  auto order = arrived;
  for (std::size_t left = count; left > 0; --left) {
    if (!is_there[left - 1]) order.push_back(left - 1);
  }
  return order;
}

std::vector<std::size_t> order_of_rank_zero(const std::vector<std::size_t>& arrived, collectives::Communicator& world,
                                            collectives::Timeout timeout) {
  const std::string_view own(reinterpret_cast<const char*>(arrived.data()), arrived.size() * sizeof(std::size_t));
  const auto bytes = world.broadcast_bytes(own, 0, {.timeout = timeout});
  std::vector<std::size_t> order(bytes.size() / sizeof(std::size_t));
  std::memcpy(order.data(), bytes.data(), bytes.size());
  return order;
}

}  // namespace trireme

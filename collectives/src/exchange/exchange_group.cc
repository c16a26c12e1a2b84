#include "exchange_group.h"

#include "trireme/base/message.h"

namespace trireme::collectives {

void ExchangeGroup::heard(int rank, const Signature& signature) {
  auto& last = heard_[static_cast<std::size_t>(rank)];
  if (signature.sequence > last.sequence) last = signature;
}

std::string ExchangeGroup::standing(int rank) const {
  const auto& last = heard_[static_cast<std::size_t>(rank)];
  if (last.sequence == 0) return "has not been heard of";
  return message("has called {} ({} bytes)", describe(last), last.bytes());
}

}  // namespace trireme::collectives

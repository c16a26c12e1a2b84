#include "dask/coordination/variables.h"

#include <algorithm>
#include <utility>

namespace trireme::launcher::dask {

namespace {

std::string variable_holder(const Key& name) { return holder_of("variable", name); }

}  // namespace

Variables::Change Variables::set(const Key& name, Record record) {
  Change change;
  const Record old = std::exchange(records_[name], record);
  if (record.is_future()) change.claims.desired.push_back({variable_holder(name), record.future});
  if (old.is_future()) release_if_unneeded(name, old.future, change.claims);
  if (const auto waiting = waiters_.extract(name)) {
    for (const Waiter& waiter : waiting.mapped()) {
      change.answers.push_back({waiter.ticket, hand_out(name, record, waiter.client)});
    }
  }
  return change;
}

std::optional<Variables::Held> Variables::get(const Key& name, const std::string& client, Ticket ticket) {
  const auto found = records_.find(name);
  if (found != records_.end()) return hand_out(name, found->second, client);
  waiters_[name].push_back({ticket, client});
  return std::nullopt;
}

Variables::Held Variables::hand_out(const Key& name, const Record& record, const std::string& client) {
  if (!record.is_future()) return {record, {}};
  std::string token = std::to_string(++tokens_made_);
  tokens_.emplace(token, Token{name, record.future, client});
  return {record, std::move(token)};
}

Claims Variables::confirm(const Key& name, const Key& future, std::string_view token, const std::string& client) {
  Claims claims;
  claims.desired.push_back({client, future});
  const auto found = tokens_.find(token);
  if (found == tokens_.end()) return claims;
  tokens_.erase(found);
  release_if_unneeded(name, future, claims);
  return claims;
}

Claims Variables::erase(const Key& name) {
  Claims claims;
  const auto erased = records_.extract(name);
  if (erased && erased.mapped().is_future()) release_if_unneeded(name, erased.mapped().future, claims);
  return claims;
}

void Variables::forget(Ticket ticket) {
  for (auto& [name, waiters] : waiters_) std::erase_if(waiters, [&](const Waiter& w) { return w.ticket == ticket; });
  std::erase_if(waiters_, [](const auto& entry) { return entry.second.empty(); });
}

Claims Variables::forget_client(std::string_view client) {
  Claims claims;
  for (auto next = tokens_.begin(); next != tokens_.end();) {
    if (next->second.client != client) {
      ++next;
      continue;
    }
    const Token token = next->second;
    next = tokens_.erase(next);
    release_if_unneeded(token.name, token.future, claims);
  }
  return claims;
}

void Variables::release_if_unneeded(const Key& name, const Key& future, Claims& claims) const {
  const auto held = records_.find(name);
  if (held != records_.end() && held->second.future == future) return;
  const bool is_unconfirmed = std::ranges::any_of(
      tokens_, [&](const auto& entry) { return entry.second.name == name && entry.second.future == future; });
  if (!is_unconfirmed) claims.released.push_back({variable_holder(name), future});
}

}  // namespace trireme::launcher::dask

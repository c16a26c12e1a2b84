#include "store/key_table.h"

#include <charconv>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::detail {

namespace {

std::int64_t parse_counter(std::string_view key, std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size() && !text.empty()) return value;
  throw MismatchError(
      message("store add: key '{}' holds {} bytes that are not a decimal counter. Use another key.", key, text.size()));
}

}  // namespace

void check_key(std::string_view key) {
  if (key.size() <= kMaxKeyBytes) return;
  throw ConfigError(message("store: a key of {} bytes is longer than the {} allowed (it begins '{}').", key.size(),
                            kMaxKeyBytes, key.substr(0, 64)));
}

void check_entry(std::string_view key, std::string_view value) {
  check_key(key);
  if (value.size() <= kMaxValueBytes) return;
  throw ConfigError(
      message("store set: the value of '{}' has {} bytes, more than the {} allowed. Send bulk data with a "
              "communicator.",
              key, value.size(), kMaxValueBytes));
}

void KeyTable::set(std::string_view key, std::string_view value) { values_.insert_or_assign(std::string(key), value); }

std::optional<std::string> KeyTable::find(std::string_view key) const {
  const auto entry = values_.find(key);
  if (entry == values_.end()) return std::nullopt;
  return entry->second;
}

std::int64_t KeyTable::add(std::string_view key, std::int64_t amount) {
  const auto entry = values_.find(key);
  const std::int64_t before = entry == values_.end() ? 0 : parse_counter(key, entry->second);
  std::int64_t after = 0;
  if (__builtin_add_overflow(before, amount, &after)) {
    throw MismatchError(message("store add: counter '{}' overflows ({} + {}).", key, before, amount));
  }
  values_.insert_or_assign(std::string(key), std::to_string(after));
  return after;
}

bool KeyTable::remove(std::string_view key) {
  const auto entry = values_.find(key);
  if (entry == values_.end()) return false;
  values_.erase(entry);
  return true;
}

}  // namespace trireme::detail

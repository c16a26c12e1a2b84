#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace trireme::detail {

// Bounds that every store enforces, so that a program that works on an InMemoryStore also works over TCP.
inline constexpr std::size_t kMaxKeyBytes = 4096;
inline constexpr std::size_t kMaxValueBytes = std::size_t{16} << 20;

// Throws ConfigError when key or value exceed the bounds.
void check_key(std::string_view key);
void check_entry(std::string_view key, std::string_view value);

// The keys and values of a store: a plain value, no locks and no waiting.
class KeyTable {
 public:
  void set(std::string_view key, std::string_view value);
  [[nodiscard]] std::optional<std::string> find(std::string_view key) const;
  // Throws MismatchError when the value is not a decimal counter or the sum overflows; the value is kept then.
  std::int64_t add(std::string_view key, std::int64_t amount);
  bool remove(std::string_view key);

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace trireme::detail

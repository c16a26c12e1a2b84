#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace trireme::launcher::dask {

// The name of a task, or any other value that Dask uses as a map's key: text, bytes, a number or a tuple of those.
//
// Held as msgpack in one canonical form (shortest integers; a float or a truth that equals an integer as that integer,
// as Python compares them), so equal keys have equal bytes. Made by `key_of()` in message.h. It can be written into a
// message as it is.
class Key {
 public:
  Key() = default;
  explicit Key(std::string packed) : packed_(std::move(packed)) {}

  [[nodiscard]] std::string_view packed() const noexcept { return packed_; }
  [[nodiscard]] bool empty() const noexcept { return packed_.empty(); }

  friend bool operator==(const Key&, const Key&) = default;
  friend std::strong_ordering operator<=>(const Key& a, const Key& b) { return a.packed_ <=> b.packed_; }

 private:
  std::string packed_;
};

// Finds a Key in an unordered container by its bytes, without making one.
//
// Not noexcept: libstdc++ keeps the hashes of such functions in its nodes, and then a search does not hash every key of
// a bucket again.
struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(const Key& key) const { return std::hash<std::string_view>{}(key.packed()); }
  std::size_t operator()(std::string_view packed) const { return std::hash<std::string_view>{}(packed); }
};
struct KeyEqual {
  using is_transparent = void;
  bool operator()(const Key& a, const Key& b) const noexcept { return a == b; }
  bool operator()(const Key& a, std::string_view b) const noexcept { return a.packed() == b; }
  bool operator()(std::string_view a, const Key& b) const noexcept { return a == b.packed(); }
};

}  // namespace trireme::launcher::dask

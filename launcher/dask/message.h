#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <msgpack.hpp>

#include "trireme/base/error.h"

// Dask's messages: msgpack in which map keys can be anything, arrays included.
namespace trireme::launcher::dask {

// The bytes are not one msgpack value, or one that is larger than it says. The connection is of no further use.
class MessageError : public Error {
 public:
  using Error::Error;
};

// One decoded message; owns the memory that its root refers to.
class Message {
 public:
  // Throws MessageError. Memory is bounded by the length of `bytes`: a value that announces more elements than bytes
  // follow is rejected before anything is allocated for it.
  [[nodiscard]] static Message decode(std::string_view bytes);

  [[nodiscard]] const msgpack::object& root() const noexcept { return handle_.get(); }

 private:
  explicit Message(msgpack::object_handle handle) : handle_(std::move(handle)) {}
  msgpack::object_handle handle_;
};

// The value under the text key `name`; nullptr when `map` is no map or has no such key.
[[nodiscard]] const msgpack::object* find(const msgpack::object& map, std::string_view name);
// The text under `name`; nullopt when there is none.
[[nodiscard]] std::optional<std::string_view> find_text(const msgpack::object& map, std::string_view name);
// The truth under `name`; `fallback` when there is none.
[[nodiscard]] bool find_bool(const msgpack::object& map, std::string_view name, bool fallback);

struct Elements {
  const msgpack::object* first = nullptr;
  std::size_t size = 0;
  [[nodiscard]] const msgpack::object* begin() const { return first; }
  [[nodiscard]] const msgpack::object* end() const { return first + size; }
};

// The elements of an array or of Dask's set, {"__Set__": true, "as-list": […]}; none for anything else.
[[nodiscard]] Elements elements(const msgpack::object& value);

// Writes one msgpack value. Chains: writer.map(1).text("op").text("close").
class MessageWriter {
 public:
  MessageWriter& map(std::size_t pairs);
  MessageWriter& array(std::size_t size);
  MessageWriter& text(std::string_view value);
  MessageWriter& bytes(std::string_view value);
  MessageWriter& number(double value);
  MessageWriter& integer(std::int64_t value);
  MessageWriter& nil();
  MessageWriter& value(const msgpack::object& value);
  // Appends values that are msgpack already.
  MessageWriter& packed(std::string_view values);

  [[nodiscard]] std::string take();

 private:
  msgpack::sbuffer buffer_;
  msgpack::packer<msgpack::sbuffer> packer_{buffer_};
};

}  // namespace trireme::launcher::dask

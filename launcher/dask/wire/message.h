#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <msgpack.hpp>

#include "dask/wire/bytes.h"
#include "dask/wire/frame_reader.h"
#include "dask/wire/key.h"
#include "dask/wire/opaque.h"
#include "trireme/base/error.h"

// Dask's messages as they are read: msgpack in which map keys can be anything, arrays included, and in which some
// values stand for frames that nobody here opens.
namespace trireme::launcher::dask {

using Object = msgpack::object;

// The bytes are not one msgpack value, one that is larger than it says, or one that lacks what it must have. The
// connection they came from is of no further use.
class MessageError : public Error {
 public:
  using Error::Error;
};

// One decoded message with its payload frames. Texts and bins below root() point into its frames, so a Message is kept
// as long as anything of it is looked at. Copying one copies pointers.
class Message {
 public:
  Message() = default;
  // Throws MessageError. Memory is bounded by the length of the bytes: a value that announces more elements than bytes
  // follow is rejected before anything is allocated for it.
  [[nodiscard]] static Message decode(Frames frames);
  [[nodiscard]] static Message decode(std::string bytes) { return decode(Frames{Bytes(std::move(bytes))}); }

  [[nodiscard]] const Object& root() const noexcept { return root_; }
  [[nodiscard]] const Frames& frames() const noexcept { return frames_; }
  // The bytes of a bin or text below root(), sharing this message's memory.
  [[nodiscard]] Bytes bytes(const Object& value) const;
  // {"__Serialized__": k}, {"__Pickled__": k}, a bin or nil. Throws MessageError for what refers to no frames.
  [[nodiscard]] Opaque opaque(const Object& value) const;

 private:
  Frames frames_;
  std::shared_ptr<msgpack::zone> zone_;
  Object root_;
};

// What {"__Serialized__": k} and {"__Pickled__": k} say; kNil for any other value.
struct Reference {
  Opaque::Kind kind = Opaque::Kind::kNil;
  std::uint64_t frame = 0;
};
[[nodiscard]] Reference reference_of(const Object& value);

// The value under the text key `name`; nullptr when `map` is no map or has no such key.
[[nodiscard]] const Object* find(const Object& map, std::string_view name);
// As find(), but nullptr also where the value is nil.
[[nodiscard]] const Object* find_value(const Object& map, std::string_view name);
// The text under `name`; nullopt when there is none.
[[nodiscard]] std::optional<std::string_view> find_text(const Object& map, std::string_view name);
// The truth, number or integer under `name`; `fallback` when there is none.
[[nodiscard]] bool find_bool(const Object& map, std::string_view name, bool fallback);
[[nodiscard]] double find_number(const Object& map, std::string_view name, double fallback);
[[nodiscard]] std::int64_t find_integer(const Object& map, std::string_view name, std::int64_t fallback);

[[nodiscard]] std::optional<std::string_view> as_text(const Object& value);
[[nodiscard]] std::optional<double> as_number(const Object& value);

struct Elements {
  const Object* first = nullptr;
  std::size_t size = 0;
  [[nodiscard]] const Object* begin() const { return first; }
  [[nodiscard]] const Object* end() const { return first + size; }
};

// The elements of an array or of Dask's set, {"__Set__": true, "as-list": […]}; none for anything else.
[[nodiscard]] Elements elements(const Object& value);
[[nodiscard]] Elements find_elements(const Object& map, std::string_view name);

struct Pairs {
  const msgpack::object_kv* first = nullptr;
  std::size_t size = 0;
  [[nodiscard]] const msgpack::object_kv* begin() const { return first; }
  [[nodiscard]] const msgpack::object_kv* end() const { return first + size; }
};

// The pairs of a map; none for anything else.
[[nodiscard]] Pairs pairs(const Object& value);
[[nodiscard]] Pairs find_pairs(const Object& map, std::string_view name);

// The canonical key of a value: as Python compares them, 1, 1.0 and True are one.
[[nodiscard]] Key key_of(const Object& value);
[[nodiscard]] std::vector<Key> keys_of(Elements values);
[[nodiscard]] Key text_key(std::string_view text);
// As Python prints it: 'x' for a text, ('x', 1) for a tuple.
[[nodiscard]] std::string text_of(const Key& key);
// The text itself where the key is one, else text_of().
[[nodiscard]] std::string name_of(const Key& key);

}  // namespace trireme::launcher::dask

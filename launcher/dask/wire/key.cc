#include "dask/wire/key.h"

#include <cmath>

#include <fmt/format.h>

#include "dask/wire/message.h"

namespace trireme::launcher::dask {

namespace {

// Appends msgpack to a text.
struct Sink {
  std::string& out;
  void write(const char* bytes, std::size_t size) { out.append(bytes, size); }
};
using Packer = msgpack::packer<Sink>;

// Doubles hold every integer up to here.
constexpr double kExactIntegers = 9007199254740992.0;

void pack_number(Packer& packer, double number) {
  if (std::trunc(number) == number && std::abs(number) <= kExactIntegers) {
    packer.pack(static_cast<std::int64_t>(number));
  } else {
    packer.pack(number);
  }
}

void pack_canonical(Packer& packer, const Object& value) {
  switch (value.type) {
    case msgpack::type::BOOLEAN:
      packer.pack(value.via.boolean ? 1 : 0);
      break;
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      pack_number(packer, value.via.f64);
      break;
    case msgpack::type::ARRAY:
      packer.pack_array(value.via.array.size);
      for (const Object& element : elements(value)) pack_canonical(packer, element);
      break;
    default:
      packer.pack(value);
  }
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char letter : text) {
    if (letter == '\'' || letter == '\\') out += '\\';
    out += letter;
  }
  return out + "'";
}

std::string print(const Object& value) {
  if (const auto text = as_text(value)) return quoted(*text);
  if (value.type == msgpack::type::POSITIVE_INTEGER) return fmt::format("{}", value.via.u64);
  if (value.type == msgpack::type::NEGATIVE_INTEGER) return fmt::format("{}", value.via.i64);
  if (const auto number = as_number(value)) return fmt::format("{}", *number);
  if (value.type == msgpack::type::NIL) return "None";
  if (value.type == msgpack::type::BIN) return "b" + quoted({value.via.bin.ptr, value.via.bin.size});
  std::string out = "(";
  for (const Object& element : elements(value)) out += (out.size() > 1 ? ", " : "") + print(element);
  return out + (elements(value).size == 1 ? ",)" : ")");
}

}  // namespace

Key key_of(const Object& value) {
  if (const auto text = as_text(value)) return text_key(*text);
  std::string packed;
  Sink sink{packed};
  Packer packer(sink);
  pack_canonical(packer, value);
  return Key(std::move(packed));
}

Key text_key(std::string_view text) {
  std::string packed;
  packed.reserve(text.size() + 5);
  Sink sink{packed};
  Packer packer(sink);
  packer.pack_str(static_cast<std::uint32_t>(text.size())).pack_str_body(text.data(), text.size());
  return Key(std::move(packed));
}

std::vector<Key> keys_of(Elements values) {
  std::vector<Key> keys;
  keys.reserve(values.size);
  for (const Object& value : values) keys.push_back(key_of(value));
  return keys;
}

std::string text_of(const Key& key) {
  return key.empty() ? std::string() : print(Message::decode(std::string(key.packed())).root());
}

std::string name_of(const Key& key) {
  if (key.empty()) return {};
  const Message message = Message::decode(std::string(key.packed()));
  const auto text = as_text(message.root());
  return text ? std::string(*text) : print(message.root());
}

}  // namespace trireme::launcher::dask

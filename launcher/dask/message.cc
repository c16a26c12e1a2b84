#include "dask/message.h"

#include <algorithm>
#include <limits>
#include <span>

#include "trireme/base/message.h"

namespace trireme::launcher::dask {

namespace {

constexpr std::size_t kDeepest = 64;

// Adds up what arrays and maps announce. Each element takes a byte at least, so a sum beyond the message's length means
// that the message lies; libraries allocate by what is announced.
struct Claims : msgpack::null_visitor {
  explicit Claims(std::size_t bytes) : left(bytes) {}
  bool claim(std::uint64_t elements) {
    if (elements > left || ++depth > kDeepest) return false;
    left -= elements;
    return true;
  }
  bool start_array(std::uint32_t elements) { return claim(elements); }
  bool start_map(std::uint32_t pairs) { return claim(2ull * pairs); }
  bool end_array() { return --depth, true; }
  bool end_map() { return --depth, true; }

  std::size_t left;
  std::size_t depth = 0;
};

bool is_honest(std::string_view bytes) {
  Claims claims(bytes.size());
  std::size_t end = 0;
  return msgpack::parse(bytes.data(), bytes.size(), end, claims) && end == bytes.size();
}

}  // namespace

Message Message::decode(std::string_view bytes) {
  if (!is_honest(bytes)) throw MessageError(message("{} bytes are not one msgpack value", bytes.size()));
  return Message(msgpack::unpack(bytes.data(), bytes.size()));
}

const msgpack::object* find(const msgpack::object& map, std::string_view name) {
  if (map.type != msgpack::type::MAP) return nullptr;
  const std::span pairs(map.via.map.ptr, map.via.map.size);
  const auto found = std::ranges::find_if(pairs, [&](const msgpack::object_kv& pair) {
    return pair.key.type == msgpack::type::STR && std::string_view(pair.key.via.str.ptr, pair.key.via.str.size) == name;
  });
  return found == pairs.end() ? nullptr : &found->val;
}

std::optional<std::string_view> find_text(const msgpack::object& map, std::string_view name) {
  const msgpack::object* value = find(map, name);
  if (!value || value->type != msgpack::type::STR) return std::nullopt;
  return std::string_view(value->via.str.ptr, value->via.str.size);
}

bool find_bool(const msgpack::object& map, std::string_view name, bool fallback) {
  const msgpack::object* value = find(map, name);
  return value && value->type == msgpack::type::BOOLEAN ? value->via.boolean : fallback;
}

Elements elements(const msgpack::object& value) {
  if (value.type == msgpack::type::ARRAY) return {value.via.array.ptr, value.via.array.size};
  const msgpack::object* list = find(value, "__Set__") ? find(value, "as-list") : nullptr;
  if (!list || list->type != msgpack::type::ARRAY) return {};
  return {list->via.array.ptr, list->via.array.size};
}

MessageWriter& MessageWriter::map(std::size_t pairs) {
  packer_.pack_map(static_cast<std::uint32_t>(pairs));
  return *this;
}

MessageWriter& MessageWriter::array(std::size_t size) {
  packer_.pack_array(static_cast<std::uint32_t>(size));
  return *this;
}

MessageWriter& MessageWriter::text(std::string_view value) {
  const auto size = static_cast<std::uint32_t>(value.size());
  packer_.pack_str(size).pack_str_body(value.data(), size);
  return *this;
}

MessageWriter& MessageWriter::bytes(std::string_view value) {
  const auto size = static_cast<std::uint32_t>(value.size());
  packer_.pack_bin(size).pack_bin_body(value.data(), size);
  return *this;
}

MessageWriter& MessageWriter::number(double value) {
  packer_.pack_double(value);
  return *this;
}

MessageWriter& MessageWriter::integer(std::int64_t value) {
  packer_.pack_int64(value);
  return *this;
}

MessageWriter& MessageWriter::nil() {
  packer_.pack_nil();
  return *this;
}

MessageWriter& MessageWriter::value(const msgpack::object& value) {
  packer_.pack(value);
  return *this;
}

MessageWriter& MessageWriter::packed(std::string_view values) {
  buffer_.write(values.data(), values.size());
  return *this;
}

std::string MessageWriter::take() {
  std::string taken(buffer_.data(), buffer_.size());
  buffer_.clear();
  return taken;
}

}  // namespace trireme::launcher::dask

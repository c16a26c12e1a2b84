#include "dask/wire/message.h"

#include <algorithm>
#include <span>
#include <utility>

#include "trireme/base/message.h"

namespace trireme::launcher::dask {

namespace {

constexpr std::size_t kDeepest = 64;

// Texts and bins stay where they are.
bool refer(msgpack::type::object_type, std::size_t, void*) { return true; }

// Makes the objects, and adds up what arrays and maps announce. Each element takes a byte at least, so a sum beyond the
// message's length means that the message lies; memory is taken by what is announced.
class HonestObjects : public msgpack::v2::detail::create_object_visitor {
 public:
  HonestObjects(msgpack::zone& zone, std::size_t bytes)
      : create_object_visitor(refer, nullptr, msgpack::unpack_limit()), left_(bytes) {
    set_zone(zone);
  }
  bool start_array(std::uint32_t elements) { return claim(elements) && create_object_visitor::start_array(elements); }
  bool start_map(std::uint32_t pairs) { return claim(2ull * pairs) && create_object_visitor::start_map(pairs); }
  bool end_array() { return --depth_, create_object_visitor::end_array(); }
  bool end_map() { return --depth_, create_object_visitor::end_map(); }
  void parse_error(std::size_t, std::size_t) {}  // the caller sees it
  void insufficient_bytes(std::size_t, std::size_t) {}

 private:
  bool claim(std::uint64_t elements) {
    if (elements > left_ || ++depth_ > kDeepest) return false;
    left_ -= elements;
    return true;
  }

  std::size_t left_;
  std::size_t depth_ = 0;
};

std::size_t sub_frames_of(const Bytes& header) {
  const Message message = Message::decode(Frames{header});
  const Object* count = find(message.root(), "num-sub-frames");
  if (!count || count->type != msgpack::type::POSITIVE_INTEGER)
    throw MessageError("the header of a serialized value has no num-sub-frames");
  return count->via.u64;
}

}  // namespace

Message Message::decode(Frames frames) {
  Message decoded;
  decoded.frames_ = std::move(frames);
  const std::string_view bytes = decoded.frames_.at(0).view();
  decoded.zone_ = std::make_shared<msgpack::zone>(std::clamp<std::size_t>(4 * bytes.size(), 256, 64 << 10));
  HonestObjects objects(*decoded.zone_, bytes.size());
  std::size_t end = 0;
  if (!msgpack::parse(bytes.data(), bytes.size(), end, objects) || end != bytes.size())
    throw MessageError(message("{} bytes are not one msgpack value", bytes.size()));
  decoded.root_ = objects.data();
  return decoded;
}

Bytes Message::bytes(const Object& value) const {
  std::string_view view;
  if (value.type == msgpack::type::BIN) view = {value.via.bin.ptr, value.via.bin.size};
  if (value.type == msgpack::type::STR) view = {value.via.str.ptr, value.via.str.size};
  if (view.empty()) return {};
  return frames_[0].slice(static_cast<std::size_t>(view.data() - frames_[0].view().data()), view.size());
}

Opaque Message::opaque(const Object& value) const {
  if (value.type == msgpack::type::NIL) return {};
  if (value.type == msgpack::type::BIN) return {.kind = Opaque::Kind::kBin, .header = bytes(value)};
  const Reference reference = reference_of(value);
  if (reference.kind == Opaque::Kind::kNil) throw MessageError("a value that should be serialized is not");
  if (reference.frame == 0 || reference.frame >= frames_.size())
    throw MessageError(message("a value refers to frame {} of {}", reference.frame, frames_.size()));
  Opaque found{.kind = reference.kind, .header = frames_[reference.frame]};
  const std::size_t count = sub_frames_of(found.header);
  const auto first = frames_.begin() + static_cast<std::ptrdiff_t>(reference.frame) + 1;
  if (count > static_cast<std::size_t>(frames_.end() - first))
    throw MessageError(message("a value has {} frames, the message fewer", count));
  found.frames.assign(first, first + static_cast<std::ptrdiff_t>(count));
  return found;
}

Reference reference_of(const Object& value) {
  if (value.type != msgpack::type::MAP || value.via.map.size != 1) return {};
  const auto& [name, frame] = value.via.map.ptr[0];
  if (name.type != msgpack::type::STR || frame.type != msgpack::type::POSITIVE_INTEGER) return {};
  const std::string_view kind(name.via.str.ptr, name.via.str.size);
  if (kind == "__Serialized__") return {Opaque::Kind::kSerialized, frame.via.u64};
  if (kind == "__Pickled__") return {Opaque::Kind::kPickled, frame.via.u64};
  return {};
}

const Object* find(const Object& map, std::string_view name) {
  if (map.type != msgpack::type::MAP) return nullptr;
  const std::span all(map.via.map.ptr, map.via.map.size);
  const auto found = std::ranges::find_if(all, [&](const msgpack::object_kv& pair) {
    return pair.key.type == msgpack::type::STR && std::string_view(pair.key.via.str.ptr, pair.key.via.str.size) == name;
  });
  return found == all.end() ? nullptr : &found->val;
}

const Object* find_value(const Object& map, std::string_view name) {
  const Object* value = find(map, name);
  return value && value->type != msgpack::type::NIL ? value : nullptr;
}

std::optional<std::string_view> as_text(const Object& value) {
  if (value.type != msgpack::type::STR) return std::nullopt;
  return std::string_view(value.via.str.ptr, value.via.str.size);
}

std::optional<double> as_number(const Object& value) {
  switch (value.type) {
    case msgpack::type::POSITIVE_INTEGER:
      return static_cast<double>(value.via.u64);
    case msgpack::type::NEGATIVE_INTEGER:
      return static_cast<double>(value.via.i64);
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      return value.via.f64;
    default:
      return std::nullopt;
  }
}

std::optional<std::string_view> find_text(const Object& map, std::string_view name) {
  const Object* value = find(map, name);
  return value ? as_text(*value) : std::nullopt;
}

bool find_bool(const Object& map, std::string_view name, bool fallback) {
  const Object* value = find(map, name);
  return value && value->type == msgpack::type::BOOLEAN ? value->via.boolean : fallback;
}

double find_number(const Object& map, std::string_view name, double fallback) {
  const Object* value = find(map, name);
  return value ? as_number(*value).value_or(fallback) : fallback;
}

std::int64_t find_integer(const Object& map, std::string_view name, std::int64_t fallback) {
  const Object* value = find(map, name);
  if (!value) return fallback;
  if (value->type == msgpack::type::POSITIVE_INTEGER || value->type == msgpack::type::NEGATIVE_INTEGER)
    return value->via.i64;
  const double number = as_number(*value).value_or(static_cast<double>(fallback));
  return number > -9e18 && number < 9e18 ? static_cast<std::int64_t>(number) : fallback;
}

Elements elements(const Object& value) {
  if (value.type == msgpack::type::ARRAY) return {value.via.array.ptr, value.via.array.size};
  const Object* list = find(value, "__Set__") ? find(value, "as-list") : nullptr;
  if (!list || list->type != msgpack::type::ARRAY) return {};
  return {list->via.array.ptr, list->via.array.size};
}

Elements find_elements(const Object& map, std::string_view name) {
  const Object* value = find(map, name);
  return value ? elements(*value) : Elements{};
}

Pairs pairs(const Object& value) {
  if (value.type != msgpack::type::MAP) return {};
  return {value.via.map.ptr, value.via.map.size};
}

Pairs find_pairs(const Object& map, std::string_view name) {
  const Object* value = find(map, name);
  return value ? pairs(*value) : Pairs{};
}

}  // namespace trireme::launcher::dask

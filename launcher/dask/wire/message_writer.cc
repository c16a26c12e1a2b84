#include "dask/wire/message_writer.h"

#include <utility>

namespace trireme::launcher::dask {

namespace {

// Smaller pieces are copied together, larger ones written from where they lie.
constexpr std::size_t kWorthSharing = 16 << 10;
// Frames from this size on are left out of the block, so that the reader gives each memory of its own.
constexpr std::uint64_t kFrameOfItsOwn = 64 << 10;
constexpr std::uint64_t kLengthBytes = sizeof(std::uint64_t);

void append_word(std::string& out, std::uint64_t word) {
  out.append(reinterpret_cast<const char*>(&word), kLengthBytes);
}

// {"pickled-obj": PICKLE, "compression": [], "num-sub-frames": 0}
constexpr std::string_view kBeforePickle{"\x83\xabpickled-obj\xc6", 14};
constexpr std::string_view kAfterPickle{
    "\xab"
    "compression\x90\xae"
    "num-sub-frames\x00",
    29};

std::string big_endian(std::uint32_t size) {
  return {static_cast<char>(size >> 24), static_cast<char>(size >> 16), static_cast<char>(size >> 8),
          static_cast<char>(size)};
}

}  // namespace

std::string Outgoing::joined() const {
  std::string all;
  all.reserve(size);
  for (const Bytes& piece : pieces) all += piece.view();
  return all;
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

MessageWriter& MessageWriter::boolean(bool value) {
  value ? packer_.pack_true() : packer_.pack_false();
  return *this;
}

MessageWriter& MessageWriter::nil() {
  packer_.pack_nil();
  return *this;
}

MessageWriter& MessageWriter::keys(const std::vector<Key>& values) {
  array(values.size());
  for (const Key& value : values) key(value);
  return *this;
}

MessageWriter& MessageWriter::value(const Object& value) {
  packer_.pack(value);
  return *this;
}

MessageWriter& MessageWriter::value(const Message& from, const Object& value) {
  if (from.frames().size() <= 1) return this->value(value);
  if (reference_of(value).kind != Opaque::Kind::kNil) return opaque(from.opaque(value));
  if (value.type == msgpack::type::ARRAY) {
    array(value.via.array.size);
    for (const Object& element : elements(value)) this->value(from, element);
    return *this;
  }
  if (value.type != msgpack::type::MAP) return this->value(value);
  map(value.via.map.size);
  for (const auto& [name, entry] : pairs(value)) this->value(name).value(from, entry);
  return *this;
}

MessageWriter& MessageWriter::packed(std::string_view values) {
  body_.write(values.data(), values.size());
  return *this;
}

MessageWriter& MessageWriter::opaque(const Opaque& value) {
  if (value.kind == Opaque::Kind::kNil) return nil();
  if (value.kind == Opaque::Kind::kBin) return bytes(value.header.view());
  map(1).text(value.kind == Opaque::Kind::kSerialized ? "__Serialized__" : "__Pickled__");
  integer(static_cast<std::int64_t>(lengths_.size()) + 1);
  begin_frame();
  append_to_frame(value.header);
  for (const Bytes& frame : value.frames) {
    begin_frame();
    append_to_frame(frame);
  }
  return *this;
}

MessageWriter& MessageWriter::pickled(const Bytes& pickle) {
  map(1).text("__Pickled__").integer(static_cast<std::int64_t>(lengths_.size()) + 1);
  begin_frame();
  append_to_frame(kBeforePickle);
  append_to_frame(big_endian(static_cast<std::uint32_t>(pickle.size())));
  append_to_frame(pickle);
  append_to_frame(kAfterPickle);
  return *this;
}

void MessageWriter::append_to_frame(std::string_view bytes) {
  run_ += bytes;
  lengths_.back() += bytes.size();
  payload_bytes_ += bytes.size();
}

void MessageWriter::append_to_frame(const Bytes& bytes) {
  if (bytes.size() < kWorthSharing) return append_to_frame(bytes.view());
  end_run();
  pieces_.push_back(bytes);
  lengths_.back() += bytes.size();
  payload_bytes_ += bytes.size();
  shared_bytes_ += bytes.size();
}

void MessageWriter::end_run() {
  if (!run_.empty()) pieces_.emplace_back(std::exchange(run_, {}));
}

std::string MessageWriter::head(std::uint64_t message_bytes) const {
  std::uint64_t covered = message_bytes;
  for (const std::uint64_t length : lengths_) {
    if (length >= kFrameOfItsOwn) break;
    covered += length;
  }
  std::string out;
  out.reserve(kLengthBytes * (lengths_.size() + 3) + 8);
  append_word(out, kLengthBytes * (lengths_.size() + 2) + covered);
  append_word(out, lengths_.size() + 1);
  append_word(out, message_bytes);
  for (const std::uint64_t length : lengths_) append_word(out, length);
  return out;
}

Outgoing MessageWriter::finish_behind(std::string_view prefix) {
  end_run();
  Outgoing out;
  std::string first = head(prefix.size() + body_.size());
  first += prefix;
  out.size = first.size() + body_.size() + payload_bytes_;
  out.owned_size = out.size - shared_bytes_;
  out.pieces.reserve(2 + pieces_.size());
  if (body_.size() < kWorthSharing) {
    first += body_.bytes;
    out.pieces.emplace_back(std::move(first));
    body_.bytes.clear();
  } else {
    out.pieces.emplace_back(std::move(first));
    out.pieces.emplace_back(std::exchange(body_.bytes, {}));
  }
  for (Bytes& piece : pieces_) out.pieces.push_back(std::move(piece));
  pieces_.clear();
  lengths_.clear();
  payload_bytes_ = shared_bytes_ = 0;
  return out;
}

void MessageWriter::clear() { (void)finish(); }

Outgoing MessageWriter::finish_array(std::size_t size) {
  MessageWriter header;
  header.array(size);
  return finish_behind(header.body_.bytes);
}

Frames MessageWriter::take_frames() { return frames_of(Bytes(finish().joined())); }

std::string MessageWriter::take() { return std::exchange(body_.bytes, {}); }

}  // namespace trireme::launcher::dask

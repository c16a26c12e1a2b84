#include "trireme/runtime/tensorboard.h"

#include <unistd.h>

#include <bit>
#include <chrono>
#include <filesystem>
#include <span>

#include "data/checksum.h"
#include "metrics/output_file.h"
#include "trireme/base/message.h"

// Note [event encoding]
// The messages of event.proto and summary.proto that are needed, by field number:
//   Event   { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
//   Summary { repeated Value value = 1; }   Value { string tag = 1; float simple_value = 2; }
// A field is its key (number << 3 | wire type) and its value: varint (0), 8 bytes (1), length and bytes (2), 4 bytes
// (5).
namespace trireme {
namespace {

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

template <typename T>
void append_raw(std::string& out, T value) {
  static_assert(std::endian::native == std::endian::little);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void append_key(std::string& out, unsigned field, WireType type) {
  append_varint(out, field << 3 | static_cast<unsigned>(type));
}

void append_bytes(std::string& out, unsigned field, std::string_view bytes) {
  append_key(out, field, WireType::kBytes);
  append_varint(out, bytes.size());
  out.append(bytes);
}

std::string event_at(double wall_time) {
  std::string event;
  append_key(event, 1, WireType::kFixed64);
  append_raw(event, wall_time);
  return event;
}

// TFRecord stores checksums so that a checksum of data that holds checksums stays meaningful.
std::uint32_t masked_checksum(std::string_view bytes) {
  return std::rotr(crc32c(std::as_bytes(std::span(bytes))), 15) + 0xA282EAD8U;
}

double seconds_since_epoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// TensorBoard finds files by "tfevents" in the name and orders them by the number after it.
std::string event_file_name(double now) {
  char host[256] = "localhost";
  ::gethostname(host, sizeof host - 1);
  return message("events.out.tfevents.{}.{}.{}", static_cast<std::int64_t>(now), host, ::getpid());
}

}  // namespace

std::string encode_scalar_event(double wall_time, std::int64_t step, std::string_view tag, float value) {
  std::string summary_value;
  append_bytes(summary_value, 1, tag);
  append_key(summary_value, 2, WireType::kFixed32);
  append_raw(summary_value, value);
  std::string summary;
  append_bytes(summary, 1, summary_value);

  std::string event = event_at(wall_time);
  append_key(event, 2, WireType::kVarint);
  append_varint(event, static_cast<std::uint64_t>(step));
  append_bytes(event, 5, summary);
  return event;
}

std::string encode_version_event(double wall_time) {
  std::string event = event_at(wall_time);
  append_bytes(event, 3, "brain.Event:2");
  return event;
}

std::string frame_record(std::string_view payload) {
  std::string record;
  append_raw(record, static_cast<std::uint64_t>(payload.size()));
  append_raw(record, masked_checksum(record));
  record.append(payload);
  append_raw(record, masked_checksum(payload));
  return record;
}

struct TensorBoardWriter::State {
  OutputFile file;
};

TensorBoardWriter::TensorBoardWriter(const std::string& folder) {
  std::error_code ignored;  // opening the file reports it with the file's name
  std::filesystem::create_directories(folder, ignored);
  const double now = seconds_since_epoch();
  state_ = std::make_unique<State>(State{OutputFile((std::filesystem::path(folder) / event_file_name(now)).string())});
  state_->file.append(frame_record(encode_version_event(now)));
  flush();
}

TensorBoardWriter::~TensorBoardWriter() = default;

void TensorBoardWriter::scalar(std::int64_t step, std::string_view tag, double value) {
  state_->file.append(frame_record(encode_scalar_event(seconds_since_epoch(), step, tag, static_cast<float>(value))));
}

void TensorBoardWriter::flush() { state_->file.flush(); }

const std::string& TensorBoardWriter::path() const noexcept { return state_->file.path(); }

}  // namespace trireme

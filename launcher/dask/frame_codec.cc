#include "dask/frame_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "trireme/base/message.h"

namespace trireme::launcher::dask {

namespace {

static_assert(std::endian::native == std::endian::little, "lengths travel as little-endian and are copied as they are");

constexpr std::size_t kWord = sizeof(std::uint64_t);
constexpr std::size_t kHeadBytes = 2 * kWord;

std::uint64_t word_at(std::string_view bytes, std::size_t index) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + index * kWord, kWord);
  return word;
}

void append_word(std::string& out, std::uint64_t word) { out.append(reinterpret_cast<const char*>(&word), kWord); }

void check_limit(const char* what, std::uint64_t value, std::uint64_t limit) {
  if (value > limit)
    throw FrameError(message("not a Dask message, or too large: {} is {}, the limit {}", what, value, limit));
}

}  // namespace

// Moves bytes into the buffer until it holds `wanted`; true when it does.
bool FrameReader::fill(std::string_view& bytes, std::size_t wanted) {
  const std::size_t taken = std::min(bytes.size(), wanted - buffer_.size());
  buffer_.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  return buffer_.size() == wanted;
}

void FrameReader::read_head() {
  block_bytes_ = word_at(buffer_, 0);
  frame_count_ = word_at(buffer_, 1);
  check_limit("the frame count", frame_count_, limits_.frames);
  check_limit("the block length", block_bytes_,
              kWord + kWord * frame_count_ + limits_.message_bytes + limits_.payload_bytes);
  if (frame_count_ == 0) throw FrameError("not a Dask message: it has no frames");
}

void FrameReader::read_lengths() {
  message_bytes_ = word_at(buffer_, 0);
  check_limit("the message's length", message_bytes_, limits_.message_bytes);
  std::uint64_t covered = kWord + kWord * frame_count_;
  bool ends_at_a_frame = covered == block_bytes_;
  payload_left_ = 0;
  for (std::uint64_t index = 0; index < frame_count_; ++index) {
    const std::uint64_t length = word_at(buffer_, index);
    check_limit("a frame's length", length, std::max(limits_.message_bytes, limits_.payload_bytes));
    covered += length;
    ends_at_a_frame |= covered == block_bytes_;
    if (index > 0) payload_left_ += length;
    check_limit("the payload's length", payload_left_, limits_.payload_bytes);
  }
  if (!ends_at_a_frame)
    throw FrameError(message("not a Dask message: a block of {} bytes ends inside a frame", block_bytes_));
}

std::string FrameReader::finish_message() {
  part_ = Part::kHead;
  return std::exchange(buffer_, {});
}

std::optional<std::string> FrameReader::next(std::string_view& bytes) {
  if (part_ == Part::kHead) {
    if (!fill(bytes, kHeadBytes)) return std::nullopt;
    read_head();
    buffer_.clear();
    part_ = Part::kLengths;
  }
  if (part_ == Part::kLengths) {
    if (!fill(bytes, kWord * frame_count_)) return std::nullopt;
    read_lengths();
    buffer_.clear();
    part_ = Part::kMessage;
  }
  if (part_ == Part::kMessage) {
    if (!fill(bytes, message_bytes_)) return std::nullopt;
    part_ = Part::kPayload;
  }
  const std::uint64_t dropped = std::min<std::uint64_t>(bytes.size(), payload_left_);
  bytes.remove_prefix(dropped);
  payload_left_ -= dropped;
  return payload_left_ == 0 ? std::optional(finish_message()) : std::nullopt;
}

std::string encode_frame(std::string_view message) {
  std::string out;
  out.reserve(3 * kWord + message.size());
  append_word(out, 2 * kWord + message.size());
  append_word(out, 1);
  append_word(out, message.size());
  out.append(message);
  return out;
}

}  // namespace trireme::launcher::dask

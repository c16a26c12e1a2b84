#include "dask/wire/frame_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <numeric>
#include <utility>

#include "trireme/base/message.h"

namespace trireme::launcher::dask {

namespace {

static_assert(std::endian::native == std::endian::little, "lengths travel as little-endian and are copied as they are");

constexpr std::size_t kWord = sizeof(std::uint64_t);
constexpr std::size_t kHeadBytes = 2 * kWord;
// Read from a socket at once while it is not known what comes.
constexpr std::size_t kStagingBytes = 64 << 10;
// Messages up to this size have one buffer for all frames.
constexpr std::uint64_t kSmallMessage = 64 << 10;

std::uint64_t word_at(std::string_view bytes, std::size_t index) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + index * kWord, kWord);
  return word;
}

void check_limit(const char* what, std::uint64_t value, std::uint64_t limit) {
  if (value > limit) throw MessageTooLarge(message("{} is {}, the limit {}", what, value, limit));
}

// Uninitialised: pages that nothing is written to take no memory.
std::shared_ptr<char[]> allocate(std::uint64_t size) {
  try {
    return std::shared_ptr<char[]>(new char[size]);
  } catch (const std::bad_alloc&) {
    throw FrameError(message("no memory for {} bytes of a message", size));
  }
}

}  // namespace

Frames frames_of(const Bytes& whole) {
  const std::string_view bytes = whole.view();
  if (bytes.size() < kHeadBytes || word_at(bytes, 1) > bytes.size() / kWord - 2)
    throw FrameError("a message is cut off in its head");
  Frames frames(word_at(bytes, 1));
  std::size_t begin = kHeadBytes + kWord * frames.size();
  for (std::size_t index = 0; index < frames.size(); ++index) {
    const std::uint64_t length = word_at(bytes, 2 + index);
    if (length > bytes.size() - begin) throw FrameError("a message is cut off in its frames");
    frames[index] = whole.slice(begin, length);
    begin += length;
  }
  return frames;
}

std::span<char> FrameReader::room() {
  if (part_ == Part::kFrames && begin_ == end_) {
    return {buffer_.get() + buffer_filled_, buffer_size_ - buffer_filled_};
  }
  if (begin_ > 0) {
    std::memmove(staging_.get(), staging_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == staging_size_) {  // a table of lengths that is longer than the staging buffer
    const std::size_t larger = std::max(kStagingBytes, 2 * staging_size_);
    auto grown = allocate(larger);
    if (end_ > 0) std::memcpy(grown.get(), staging_.get(), end_);
    staging_ = std::move(grown);
    staging_size_ = larger;
  }
  return {staging_.get() + end_, staging_size_ - end_};
}

void FrameReader::filled(std::size_t count) {
  if (part_ == Part::kFrames && begin_ == end_) {
    buffer_filled_ += count;
  } else {
    end_ += count;
  }
}

bool FrameReader::read_head() {
  if (!has(kHeadBytes)) return false;
  block_bytes_ = word_at(unread(), 0);
  frame_count_ = word_at(unread(), 1);
  check_limit("the frame count", frame_count_, limits_.frames);
  check_limit("the block length", block_bytes_,
              kWord + kWord * frame_count_ + limits_.message_bytes + limits_.payload_bytes);
  if (frame_count_ == 0) throw FrameError("not a Dask message: it has no frames");
  begin_ += kHeadBytes;
  part_ = Part::kLengths;
  return true;
}

bool FrameReader::read_lengths() {
  if (!has(kWord * frame_count_)) return false;
  lengths_.resize(frame_count_);
  std::memcpy(lengths_.data(), unread().data(), kWord * frame_count_);
  begin_ += kWord * frame_count_;
  check_limit("the message's length", lengths_[0], limits_.message_bytes);
  std::uint64_t covered = kWord + kWord * frame_count_;
  bool ends_at_a_frame = covered == block_bytes_;
  std::uint64_t payload = 0;
  for (std::size_t index = 0; index < lengths_.size(); ++index) {
    check_limit("a frame's length", lengths_[index], std::max(limits_.message_bytes, limits_.payload_bytes));
    covered += lengths_[index];
    ends_at_a_frame |= covered == block_bytes_;
    if (index > 0) payload += lengths_[index];
    check_limit("the payload's length", payload, limits_.payload_bytes);
  }
  if (!ends_at_a_frame)
    throw FrameError(message("not a Dask message: a block of {} bytes ends inside a frame", block_bytes_));
  plan_frames();
  return true;
}

void FrameReader::plan_frames() {
  const std::uint64_t total = std::accumulate(lengths_.begin(), lengths_.end(), std::uint64_t{0});
  shares_one_buffer_ = total <= kSmallMessage;
  frames_.reserve(std::min<std::size_t>(lengths_.size(), 64));
  part_ = Part::kFrames;
  buffer_filled_ = 0;
  buffer_size_ = shares_one_buffer_ ? total : lengths_[0];
  buffer_ = allocate(buffer_size_);
}

// Takes what is staged into the buffers of the message; true when all are full.
bool FrameReader::read_frames() {
  while (true) {
    const std::uint64_t taken = std::min<std::uint64_t>(end_ - begin_, buffer_size_ - buffer_filled_);
    if (taken > 0) std::memcpy(buffer_.get() + buffer_filled_, staging_.get() + begin_, taken);
    buffer_filled_ += taken;
    begin_ += taken;
    if (buffer_filled_ < buffer_size_) return false;
    if (shares_one_buffer_) return true;
    frames_.emplace_back(std::shared_ptr<const char>(buffer_, buffer_.get()), buffer_size_);
    if (frames_.size() == lengths_.size()) return true;
    begin_buffer();
  }
}

void FrameReader::begin_buffer() {
  buffer_size_ = lengths_[frames_.size()];
  buffer_filled_ = 0;
  buffer_ = allocate(buffer_size_);
}

Frames FrameReader::finish() {
  if (shares_one_buffer_) {
    const Bytes all(std::shared_ptr<const char>(buffer_, buffer_.get()), buffer_size_);
    std::size_t begin = 0;
    for (const std::uint64_t length : lengths_) {
      frames_.push_back(all.slice(begin, length));
      begin += length;
    }
  }
  buffer_.reset();
  part_ = Part::kHead;
  return std::exchange(frames_, {});
}

std::optional<Frames> FrameReader::next() {
  if (part_ == Part::kHead && !read_head()) return std::nullopt;
  if (part_ == Part::kLengths && !read_lengths()) return std::nullopt;
  if (!read_frames()) return std::nullopt;
  return finish();
}

}  // namespace trireme::launcher::dask

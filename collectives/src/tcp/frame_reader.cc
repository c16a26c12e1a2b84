#include "frame_reader.h"

#include <algorithm>
#include <cstring>

namespace trireme::collectives {

FrameReader::FrameReader(FrameSink& sink, std::size_t ahead)
    : sink_(sink), ahead_(std::max(ahead, kFrameHeaderBytes)) {}

// In the middle of a payload nothing is left of what was read ahead.
std::span<const iovec> FrameReader::targets() {
  if (state_ == State::kWaiting) return {};
  std::size_t count = 0;
  if (state_ == State::kPayload) targets_[count++] = {payload_, missing_};
  targets_[count++] = {ahead_.data() + end_, ahead_.size() - end_};
  return {targets_.data(), count};
}

void FrameReader::advance(std::size_t bytes) {
  if (state_ == State::kPayload) {
    const auto direct = std::min(bytes, missing_);
    finish_payload(direct);
    bytes -= direct;
  }
  end_ += bytes;
  consume();
}

bool FrameReader::resume() {
  if (state_ != State::kWaiting) return true;
  payload_ = sink_.place(header_);
  if (payload_ == nullptr) return false;
  state_ = State::kPayload;
  consume();
  return true;
}

void FrameReader::consume() {
  while (state_ == State::kHeader ? take_header() : state_ == State::kPayload && take_payload()) {
  }
  if (begin_ == 0) return;
  std::memmove(ahead_.data(), ahead_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
}

// True when it got any further.
bool FrameReader::take_header() {
  if (end_ - begin_ < kFrameHeaderBytes) return false;
  header_ = decode_header(std::span<const std::byte, kFrameHeaderBytes>(ahead_.data() + begin_, kFrameHeaderBytes));
  begin_ += kFrameHeaderBytes;
  missing_ = header_.length;
  payload_ = sink_.place(header_);
  state_ = payload_ == nullptr ? State::kWaiting : State::kPayload;
  return true;
}

bool FrameReader::take_payload() {
  const auto bytes = std::min(missing_, end_ - begin_);
  if (bytes == 0) return false;
  std::memcpy(payload_, ahead_.data() + begin_, bytes);
  begin_ += bytes;
  finish_payload(bytes);
  return true;
}

void FrameReader::finish_payload(std::size_t bytes) {
  payload_ += bytes;
  missing_ -= bytes;
  if (missing_ > 0) return;
  state_ = State::kHeader;
  sink_.arrived(header_);
}

}  // namespace trireme::collectives

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace trireme::launcher::dask {

// A run of bytes that nobody changes and several may hold: copying one copies a pointer.
//
// A slice keeps the whole buffer it was cut from alive. Thread-safe as std::shared_ptr is.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::string bytes) : Bytes(std::make_shared<const std::string>(std::move(bytes))) {}
  explicit Bytes(std::shared_ptr<const std::string> buffer) : buffer_(std::move(buffer)) {
    if (buffer_) size_ = buffer_->size();
  }

  [[nodiscard]] Bytes slice(std::size_t begin, std::size_t size) const {
    Bytes part = *this;
    part.begin_ += begin;
    part.size_ = size;
    return part;
  }
  [[nodiscard]] std::string_view view() const noexcept {
    return buffer_ ? std::string_view(*buffer_).substr(begin_, size_) : std::string_view();
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  std::shared_ptr<const std::string> buffer_;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
};

}  // namespace trireme::launcher::dask

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace trireme::launcher::dask {

// A run of bytes that nobody changes and several may hold: copying one copies a pointer.
//
// A slice keeps the whole buffer it was cut from alive; detached() does not. Thread-safe as std::shared_ptr is.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::string bytes) : Bytes(std::make_shared<const std::string>(std::move(bytes))) {}
  explicit Bytes(const std::shared_ptr<const std::string>& buffer)
      : data_(buffer, buffer ? buffer->data() : nullptr), size_(buffer ? buffer->size() : 0) {}
  Bytes(std::shared_ptr<const char> data, std::size_t size) : data_(std::move(data)), size_(size) {}

  [[nodiscard]] Bytes slice(std::size_t begin, std::size_t size) const { return {{data_, data_.get() + begin}, size}; }
  // A copy that keeps no larger buffer alive.
  [[nodiscard]] Bytes detached() const { return Bytes(std::string(view())); }

  [[nodiscard]] std::string_view view() const noexcept { return {data_.get(), size_}; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  std::shared_ptr<const char> data_;
  std::size_t size_ = 0;
};

}  // namespace trireme::launcher::dask

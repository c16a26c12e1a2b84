#pragma once

#include <cstddef>
#include <cstdint>

namespace trireme::collectives {

enum class Dtype : std::uint8_t { kUint8, kInt32, kInt64, kFloat16, kBfloat16, kFloat32, kFloat64 };

// Bytes of one element.
[[nodiscard]] std::size_t size_of(Dtype dtype) noexcept;
[[nodiscard]] const char* to_string(Dtype dtype) noexcept;
[[nodiscard]] bool is_floating(Dtype dtype) noexcept;

// kAverage is the sum divided by the number of ranks, rejected for integers. kMin and kMax give NaN when any rank's
// element is NaN.
enum class ReduceOp : std::uint8_t { kSum, kAverage, kMin, kMax, kProduct };
[[nodiscard]] const char* to_string(ReduceOp op) noexcept;

struct Device {
  enum class Kind : std::uint8_t { kCpu, kCuda };
  Kind kind = Kind::kCpu;
  int index = 0;
  friend bool operator==(const Device&, const Device&) = default;
};

// A view of `count` contiguous elements; owns nothing. `data` may be null when count is 0.
struct Buffer {
  void* data = nullptr;
  std::int64_t count = 0;
  Dtype dtype = Dtype::kFloat32;
  Device device = {};

  [[nodiscard]] std::size_t bytes() const noexcept { return static_cast<std::size_t>(count) * size_of(dtype); }
  // Elements [first, first + length) of this view.
  [[nodiscard]] Buffer slice(std::int64_t first, std::int64_t length) const noexcept {
    return {static_cast<std::byte*>(data) + static_cast<std::size_t>(first) * size_of(dtype), length, dtype, device};
  }
};

// A view of `count` floats (and so on) in host memory.
[[nodiscard]] inline Buffer view(float* data, std::int64_t count) { return {data, count, Dtype::kFloat32, {}}; }
[[nodiscard]] inline Buffer view(double* data, std::int64_t count) { return {data, count, Dtype::kFloat64, {}}; }
[[nodiscard]] inline Buffer view(std::int32_t* data, std::int64_t count) { return {data, count, Dtype::kInt32, {}}; }
[[nodiscard]] inline Buffer view(std::int64_t* data, std::int64_t count) { return {data, count, Dtype::kInt64, {}}; }
[[nodiscard]] inline Buffer view(std::uint8_t* data, std::int64_t count) { return {data, count, Dtype::kUint8, {}}; }

// An opaque handle of a device stream (a cudaStream_t); empty on a CPU. Not owned.
class Stream {
 public:
  Stream() = default;
  explicit Stream(void* handle) noexcept : handle_(handle) {}
  [[nodiscard]] void* handle() const noexcept { return handle_; }
  [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }

 private:
  void* handle_ = nullptr;
};

}  // namespace trireme::collectives

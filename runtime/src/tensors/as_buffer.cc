#include "trireme/runtime/as_buffer.h"

#include <torch/torch.h>

#include "trireme/base/check.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

using collectives::Buffer;
using collectives::Dtype;

Dtype reducible_dtype(at::ScalarType type) {
  switch (type) {
    case at::kBool:
    case at::kByte:
      return Dtype::kUint8;
    case at::kInt:
      return Dtype::kInt32;
    case at::kLong:
      return Dtype::kInt64;
    case at::kHalf:
      return Dtype::kFloat16;
    case at::kBFloat16:
      return Dtype::kBfloat16;
    case at::kFloat:
      return Dtype::kFloat32;
    case at::kDouble:
      return Dtype::kFloat64;
    default:
      throw ConfigError(
          message("A tensor of dtype {} cannot be reduced between ranks; convert it to float32, bfloat16 "
                  "or another plain floating or integer dtype first.",
                  at::toString(type)));
  }
}

void require_contiguous(const at::Tensor& tensor) {
  if (tensor.is_contiguous()) return;
  throw ConfigError(
      message("A tensor of sizes {} and strides {} is not contiguous; pass tensor.contiguous() and copy "
              "the result back.",
              tensor.sizes(), tensor.strides()));
}

collectives::Device buffer_device(const at::Tensor& tensor) {
  const auto device = tensor.device();
  if (device.is_cpu()) return {};
  return {collectives::Device::Kind::kCuda, device.index()};
}

}  // namespace

Buffer as_buffer(const at::Tensor& tensor) {
  require_contiguous(tensor);
  return {tensor.data_ptr(), tensor.numel(), reducible_dtype(tensor.scalar_type()), buffer_device(tensor)};
}

Buffer as_bytes(const at::Tensor& tensor) {
  require_contiguous(tensor);
  return {tensor.data_ptr(), static_cast<std::int64_t>(tensor.nbytes()), Dtype::kUint8, buffer_device(tensor)};
}

at::Tensor tensor_over(const collectives::MemoryPtr& memory, std::size_t byte_offset, std::int64_t elements,
                       at::ScalarType dtype) {
  const auto bytes = static_cast<std::size_t>(elements) * at::elementSize(dtype);
  TRIREME_CHECK(byte_offset + bytes <= memory->bytes(), "{} bytes at offset {} of {}", bytes, byte_offset,
                memory->bytes());
  auto* first = static_cast<std::byte*>(memory->data()) + byte_offset;
  const auto [kind, index] = memory->device();
  const bool is_host = kind == collectives::Device::Kind::kCpu;
  const auto device = is_host ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
  return at::from_blob(
      first, {elements}, [memory](void*) {}, at::TensorOptions().dtype(dtype).device(device), device);
}

}  // namespace trireme

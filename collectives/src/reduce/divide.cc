#include "divide.h"

#include "half.h"
#include "loose.h"
#include "trireme/base/check.h"

namespace trireme::collectives {
namespace {

template <typename T, typename Divide>
void for_each(const Buffer& buffer, Divide&& quotient) {
  auto* const elements = static_cast<Loose<T>*>(buffer.data);
  for (std::int64_t i = 0; i < buffer.count; ++i) elements[i] = quotient(elements[i]);
}

}  // namespace

void divide(const Buffer& buffer, int divisor) {
  const auto by = static_cast<float>(divisor);
  switch (buffer.dtype) {
    case Dtype::kFloat32:
      return for_each<float>(buffer, [by](float value) { return value / by; });
    case Dtype::kFloat64:
      return for_each<double>(buffer, [divisor](double value) { return value / divisor; });
    case Dtype::kBfloat16:
      return for_each<std::uint16_t>(buffer, [by](auto bits) { return round_to_bfloat16(widen_bfloat16(bits) / by); });
    case Dtype::kFloat16:
      return for_each<std::uint16_t>(buffer, [by](auto bits) { return round_to_float16(widen_float16(bits) / by); });
    default:
      TRIREME_CHECK(false, "{} is no floating-point type", to_string(buffer.dtype));
  }
}

}  // namespace trireme::collectives

#pragma once

#include "trireme/collectives/buffer.h"

namespace trireme::collectives {

// Divides every element of a floating-point buffer, in fp32 for bf16 and fp16, and rounds once.
void divide(const Buffer& buffer, int divisor);

}  // namespace trireme::collectives

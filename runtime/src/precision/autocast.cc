#include "trireme/runtime/autocast.h"

#include <ATen/autocast_mode.h>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

at::DeviceType checked(at::DeviceType device) {
  if (device == at::kCPU || device == at::kCUDA) return device;
  throw ConfigError(message("Autocast works on cpu and cuda, not on {}.", c10::DeviceTypeName(device, true)));
}

}  // namespace

Autocast::Autocast(Precision precision, at::DeviceType device)
    : device_(checked(device)),
      was_enabled_(at::autocast::is_autocast_enabled(device)),
      previous_dtype_(at::autocast::get_autocast_dtype(device)) {
  at::autocast::increment_nesting();
  if (precision != Precision::kFloat32) at::autocast::set_autocast_dtype(device_, dtype_of(precision));
  at::autocast::set_autocast_enabled(device_, precision != Precision::kFloat32);
}

Autocast::~Autocast() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_enabled_);
  at::autocast::set_autocast_dtype(device_, previous_dtype_);
}

}  // namespace trireme

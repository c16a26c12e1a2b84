#include <optional>

#include "store/curve_codec.h"
#include "targets.h"
#include "trireme/base/check.h"
#include "trireme/base/error.h"

namespace trireme::fuzz {

namespace {

std::optional<launcher::Curve> unpack(std::string_view bytes) {
  try {
    return launcher::unpack_curve(bytes);
  } catch (const DataError&) {
    return std::nullopt;
  }
}

}  // namespace

void curves(Bytes bytes) {
  const auto curve = unpack({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!curve) return;
  TRIREME_CHECK(launcher::unpack_curve(launcher::pack(*curve)) == *curve, "a curve does not survive being packed");
  for (const std::int64_t span : {1'000, 600'000}) {
    const launcher::Curve folded = launcher::fold(*curve, span);
    TRIREME_CHECK(folded.size() <= curve->size(), "a curve grows when it is folded");
    static_cast<void>(launcher::unpack_curve(launcher::pack(folded)));
  }
  TRIREME_CHECK(launcher::thin(*curve, 3).size() <= 3, "a curve is not thinned");
}

}  // namespace trireme::fuzz

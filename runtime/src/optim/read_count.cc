#include "optim/read_count.h"

#include <charconv>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {

std::int64_t read_count(const std::map<std::string, std::string>& scalars, const std::string& key) {
  const auto found = scalars.find(key);
  if (found == scalars.end()) throw CheckpointError(message("{} is missing in the checkpoint.", key));
  const auto& text = found->second;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) {
    throw CheckpointError(message("{} is \"{}\" in the checkpoint, which is not a count.", key, text));
  }
  return value;
}

}  // namespace trireme

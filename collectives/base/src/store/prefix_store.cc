#include "trireme/base/store.h"

namespace trireme {

namespace {
std::string join(const std::string& prefix, std::string_view key) { return prefix + '/' + std::string(key); }
}  // namespace

void PrefixStore::set(std::string_view key, std::string_view value) { store_.set(join(prefix_, key), value); }

std::string PrefixStore::get(std::string_view key, std::chrono::milliseconds timeout) {
  return store_.get(join(prefix_, key), timeout);
}

std::optional<std::string> PrefixStore::try_get(std::string_view key) { return store_.try_get(join(prefix_, key)); }

std::int64_t PrefixStore::add(std::string_view key, std::int64_t amount) {
  return store_.add(join(prefix_, key), amount);
}

bool PrefixStore::remove(std::string_view key) { return store_.remove(join(prefix_, key)); }

}  // namespace trireme

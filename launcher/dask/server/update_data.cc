#include "dask/server/update_data.h"

namespace trireme::launcher::dask {

void update_data(Hub& hub, const Object& message) {
  std::unordered_map<Key, std::int64_t, KeyHash, KeyEqual> sizes;
  for (const auto& [key, size] : find_pairs(message, "nbytes"))
    sizes[key_of(key)] = static_cast<std::int64_t>(as_number(size).value_or(0));
  const std::string client(find_text(message, "client").value_or(""));
  for (const auto& [name, addresses] : find_pairs(message, "who_has")) {
    const Key key = key_of(name);
    std::vector<std::string> holders;
    for (const Object& address : elements(addresses)) holders.emplace_back(as_text(address).value_or(""));
    hub.tasks.data_scattered(client, key, sizes[key], {}, holders, steady_seconds());
  }
}

}  // namespace trireme::launcher::dask

#pragma once

#include <map>
#include <vector>

#include "dask/coordination/claims.h"
#include "dask/wire/key.h"
#include "dask/wire/opaque.h"

namespace trireme::launcher::dask {

// What Client.publish_dataset() made known under a name. Its keys are claimed by "published-NAME".
struct Dataset {
  Opaque data;
  std::vector<Key> keys;
};

// Published datasets. put and erase must wait for the client's stream; see FlushBarrier. Not thread-safe.
class Datasets {
 public:
  struct Named {
    Key name;
    Dataset dataset;
  };

  // Throws CallerError (KeyError), and publishes none, when a name is taken and `override` is false.
  [[nodiscard]] Claims put(std::vector<Named> datasets, bool override);
  // Unknown names are ignored.
  [[nodiscard]] Claims erase(const std::vector<Key>& names);
  // nullptr: there is none. Valid until the next change.
  [[nodiscard]] const Dataset* find(const Key& name) const;
  // Sorted as text.
  [[nodiscard]] std::vector<Key> names() const;

 private:
  std::map<Key, Dataset> datasets_;
};

}  // namespace trireme::launcher::dask

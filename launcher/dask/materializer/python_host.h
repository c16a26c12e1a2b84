#pragma once

#include <functional>
#include <string>
#include <variant>

#include "dask/wire/bytes.h"

namespace trireme::launcher::dask {

// Why a request has no response.
struct HostFailure {
  std::string text;
  bool unusable = false;  // there is no Python here, and later requests will not find one either
};

// A place where materializer.py runs.
//
// Requests are carried out one after the other, in order. `done` is called once, on the io_context's thread and never
// from inside of exchange(), unless the host is destroyed first. Not thread-safe.
class PythonHost {
 public:
  using Done = std::function<void(std::variant<Bytes, HostFailure>)>;

  virtual ~PythonHost() = default;
  virtual void exchange(Bytes request, Done done) = 0;
};

}  // namespace trireme::launcher::dask

#pragma once

#include "dask/wire/bytes.h"
#include "dask/wire/key.h"

namespace trireme::launcher::dask {

// What a variable or a queue holds: a future's key, or plain data.
struct Record {
  Key future;  // empty: it is data
  Bytes data;  // msgpack

  [[nodiscard]] bool is_future() const noexcept { return !future.empty(); }
};

}  // namespace trireme::launcher::dask

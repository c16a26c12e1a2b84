#pragma once

#include <string>
#include <string_view>

#include "dask/wire/key.h"

namespace trireme::launcher::dask {

// The key of a text, as msgpack.
inline Key text_key(std::string_view text) {
  std::string packed;
  if (text.size() < 32) {
    packed.push_back(static_cast<char>(0xa0 | text.size()));
  } else {
    packed.push_back(static_cast<char>(0xd9));
    packed.push_back(static_cast<char>(text.size()));
  }
  return Key(packed.append(text));
}

}  // namespace trireme::launcher::dask

#pragma once

#include <string>
#include <string_view>

#include "dask/coordination/claims.h"
#include "dask/coordination/record.h"
#include "dask/wire/message.h"

namespace trireme::launcher::dask {

inline Key key(std::string_view text) { return text_key(text); }
inline Record future(std::string_view text) { return {.future = text_key(text)}; }
inline Record data(std::string_view bytes) { return {.data = Bytes(std::string(bytes))}; }
inline Claim claim(std::string_view holder, std::string_view text) { return {std::string(holder), text_key(text)}; }

}  // namespace trireme::launcher::dask

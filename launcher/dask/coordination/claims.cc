#include "dask/coordination/claims.h"

#include "dask/wire/message.h"

namespace trireme::launcher::dask {

std::string holder_of(std::string_view kind, const Key& name) { return std::string(kind) + "-" + name_of(name); }

}  // namespace trireme::launcher::dask

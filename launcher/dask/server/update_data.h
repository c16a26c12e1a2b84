#pragma once

#include "dask/server/hub.h"

namespace trireme::launcher::dask {

// {who_has, nbytes, client}: a client has put data on workers itself. Comes as a request and on a client's stream.
void update_data(Hub& hub, const Object& message);

}  // namespace trireme::launcher::dask

#pragma once

#include "store/database.h"

namespace trireme::launcher {

// Brings the history's tables to this launcher's schema, as a whole or not at all, and keeps what older ones had.
// Throws DataError for a file of a newer schema, telling both versions.
void upgrade_schema(const Database& database);

}  // namespace trireme::launcher
